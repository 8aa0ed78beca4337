import asyncio
import gc

import httpx
import pytest

import hopline
from hopline import hooks
from hopline.middleware.asgi import TraceMiddleware
from hopline.testing import Recorder


async def app(scope, receive, send):
    with hopline.span("inner") as row:
        row.tag("a", "b")
        row.annotate("note", "x")
        hopline.set_uid("u1")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def serve(count: int) -> None:
    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        pass

    async def main() -> None:
        traced = TraceMiddleware(app)
        for _ in range(count):
            await traced({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send)

    asyncio.run(main())


def calls(count: int) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200))
    with hopline.span("root"):
        for _ in range(count):
            transport.handle_request(httpx.Request("GET", "http://stock/"))


def failures(count: int) -> None:
    for _ in range(count):
        try:
            with hopline.span("fails"):
                raise ValueError("x")
        except ValueError:
            pass


@pytest.mark.parametrize("sample", [1.0, 0.0])
@pytest.mark.parametrize("work", [serve, calls, failures])
def test_traced_work_makes_no_cycles(work, sample):
    """S1: rows are freed as soon as they are sent: nothing of ours waits for the garbage collector."""
    hooks.install("httpx")
    try:
        with Recorder(sample=sample) as recorder:
            work(3)
            recorder.clear()
            gc.collect()
            gc.disable()
            try:
                work(200)
                recorder.clear()
                gc.set_debug(gc.DEBUG_SAVEALL)
                gc.collect()
                ours = [found for found in gc.garbage if type(found).__module__.startswith("hopline")]
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()
            assert ours == []
    finally:
        hooks.uninstall("httpx")
