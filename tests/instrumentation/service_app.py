"""A service of the process tests: answers GET /serve/{n} after calling those that CALLS names, comma-separated."""

import os

import httpx
from fastapi import FastAPI

import hopline
from hopline.middleware.asgi import TraceMiddleware

hopline.configure()
hopline.install("httpx")

app = FastAPI()
app.add_middleware(TraceMiddleware)


@app.get("/serve/{n}")
async def work(n: int) -> dict[str, int]:
    if n == 0:
        hopline.set_uid("u-4711")
    async with httpx.AsyncClient(timeout=60) as client:
        for address in filter(None, os.environ.get("CALLS", "").split(",")):
            (await client.get(f"{address}/serve/{n + 1}")).raise_for_status()
    return {"pid": os.getpid()}


@app.get("/health")
async def health() -> str:
    return "ok"
