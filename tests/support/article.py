"""One service of the example that explains hierarchical ids: A calls B and E, B calls C.

``python article.py NAME PORT [CALLEE_URL ...]``: each answers ``GET /serve/{item}`` after
calling its callees one after the other. Instrumented with nothing but what users get.
"""

import sys

import httpx
import uvicorn
from fastapi import FastAPI

import hopline
from hopline.middleware.asgi import TraceMiddleware

UID = "u-4711"


def create(name: str, callees: list[str]) -> FastAPI:
    app = FastAPI()
    app.add_middleware(TraceMiddleware)
    client = httpx.AsyncClient(timeout=60)

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.get("/serve/{item}")
    async def work(item: str) -> dict[str, str]:
        if name == "A":
            hopline.set_uid(UID)
        for callee in callees:
            (await client.get(f"{callee}/serve/{item}")).raise_for_status()
        return {"service": name}

    return app


def main() -> None:
    name, port, *callees = sys.argv[1:]
    hopline.configure(service=name)
    hopline.install()
    uvicorn.run(create(name, callees), host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
