"""The pages over made-up answers, in this process or behind a real port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from hopline_ui import create_router
from hopline_ui.settings import UiSettings
from support import wait_until


def page_app(service: Any, *, root_path: str = "", settings: UiSettings | None = None) -> FastAPI:
    """The pages and those native answers that their scripts fetch."""
    app = FastAPI(root_path=root_path)

    @app.get("/api/v1/traces/{trace_id}")
    def trace(trace_id: str, request: Request) -> JSONResponse:
        return JSONResponse(service.trace(trace_id, dict(request.query_params)))

    @app.get("/api/v1/traces/{trace_id}/found")
    def found(trace_id: str, request: Request) -> JSONResponse:
        return JSONResponse(service.found(trace_id, dict(request.query_params)))

    @app.get("/api/v1/traces/{trace_id}/usual")
    def usual(trace_id: str) -> JSONResponse:
        return JSONResponse(service.usual(trace_id))

    @app.get("/api/v1/critical-path")
    def critical_path(request: Request) -> JSONResponse:
        return JSONResponse(service.critical_path(dict(request.query_params)))

    app.include_router(create_router(service, settings, getattr(service, "alerts", None)))
    return app


@dataclass
class Served:
    url: str
    service: Any
    server: uvicorn.Server


@contextmanager
def serve(service: Any, app: FastAPI | None = None) -> Iterator[Served]:
    """The app behind a free port of this machine until the block ends."""
    config = uvicorn.Config(app or page_app(service), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, 30)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"http://127.0.0.1:{port}", service, server)
    finally:
        server.should_exit = True
        thread.join(30)
