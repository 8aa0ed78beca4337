"""A service that knows nothing of tracing: FastAPI, httpx, requests and nothing else.

``python otel_service.py PORT [CALLEE_URL ...]``: ``GET /serve/{item}`` calls its callees one
after the other by httpx, ``GET /requests/{item}`` by requests. Run under ``opentelemetry-instrument`` in an
environment of its own. ``OURS=install`` or ``OURS=wrap`` put our own instrumentation beside.
"""

import os
import sys
from typing import Any

import httpx
import requests
import uvicorn
from fastapi import FastAPI

app = FastAPI()
client = httpx.AsyncClient(timeout=60)
callees = sys.argv[2:]


@app.get("/health")
def health() -> str:
    return "ok"


@app.get("/serve/{item}")
async def work(item: str) -> dict[str, str]:
    for callee in callees:
        (await client.get(f"{callee}/serve/{item}")).raise_for_status()
    return {"item": item}


@app.get("/requests/{item}")
def work_in_a_thread(item: str) -> dict[str, str]:
    for callee in callees:
        requests.get(f"{callee}/serve/{item}", timeout=60).raise_for_status()
    return {"item": item}


def served() -> Any:
    """The application, with our own instrumentation where it is asked for."""
    beside = os.environ.get("OURS")
    if beside == "install":
        import hopline

        hopline.install()
    elif beside == "wrap":
        from hopline.middleware.asgi import TraceMiddleware

        return TraceMiddleware(app)
    return app


if __name__ == "__main__":
    uvicorn.run(served(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
