"""What every service of the shop does at its start."""

import argparse
import random
import time
from collections.abc import Callable

import httpx
import uvicorn
from fastapi import FastAPI

import hopline
from hopline.middleware.asgi import TraceMiddleware
from hopline_deploy.demo.shop import addresses


def clock(skew_ms: int) -> Callable[[], int]:
    """Nanoseconds since the epoch on a machine whose clock runs `skew_ms` ahead."""
    return lambda: time.time_ns() + skew_ms * 1_000_000


def set_up(skew_ms: int = 0) -> None:
    """Trace this process: name, endpoint and place come from ``HOPLINE_*``."""
    if skew_ms:
        hopline.configure(clock=clock(skew_ms))
    else:
        hopline.configure()
    hopline.install()


def create_app() -> FastAPI:
    """A traced FastAPI application."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(TraceMiddleware)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def run(create: Callable[[], FastAPI]) -> None:
    """Serve the application of `create` on ``--port`` until a signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--skew-ms", type=int, default=0)
    options = parser.parse_args()
    set_up(options.skew_ms)
    uvicorn.run(create(), host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


def client(service: str, timeout: float = 3.0) -> httpx.AsyncClient:
    """An HTTP client for `service`."""
    return httpx.AsyncClient(base_url=addresses()[service], timeout=timeout)


def delay(chance: random.Random, usual_ms: float, slow_ms: float = 0.0, slow_share: float = 0.0) -> float:
    """Seconds that a piece of work takes: log-normal around `usual_ms`, now and then around `slow_ms`."""
    median = slow_ms if chance.random() < slow_share else usual_ms
    return median * chance.lognormvariate(0.0, 0.35) / 1000
