"""ASGI: a bare application, Starlette by its hook, FastAPI with the middleware by hand."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse as FastStream
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from hopline.middleware.asgi import TraceMiddleware
from support.contract import running
from support.contract.server import IGNORED, Broken, Caller, Subject, broken_lines, dumps, endless_lines, lines, ok


async def each(texts: Iterator[str]) -> AsyncIterator[str]:
    """A plain iterator as an asynchronous one."""
    for text in texts:
        yield text
        await asyncio.sleep(0)


async def cancelled() -> None:
    """Somebody cancels the task that serves this request."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """An application that is nothing but ASGI; it names its routes in the scope."""
    path: str = scope["path"]

    async def answer(status: int, body: bytes) -> None:
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]}
        )
        await send({"type": "http.response.body", "body": body})

    async def stream(texts: Iterator[str]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async for text in each(texts):
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    if path.startswith("/ok/"):
        scope["hopline.route"] = "/ok/{number}"
        await answer(200, dumps(ok()))
    elif path == IGNORED:
        await answer(200, dumps(ok()))
    elif path.startswith("/status/"):
        await answer(int(path[8:]), b"")
    elif path == "/breaks":
        raise Broken("no stock")
    elif path == "/cancelled":
        await cancelled()
    elif path == "/endless":
        until_gone = asyncio.ensure_future(gone(receive))
        streaming = asyncio.ensure_future(stream(endless_lines()))
        await asyncio.wait([until_gone, streaming], return_when=asyncio.FIRST_COMPLETED)
        streaming.cancel()
        until_gone.cancel()
    else:
        await stream(broken_lines() if path == "/stream-breaks" else lines())


async def gone(receive: Any) -> None:
    """The client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


@contextmanager
def serve_bare() -> Iterator[Caller]:
    with running.asgi(TraceMiddleware(bare)) as caller:
        yield caller


@contextmanager
def serve_starlette() -> Iterator[Caller]:
    async def status(request: Any) -> PlainTextResponse:
        return PlainTextResponse("", request.path_params["code"])

    async def breaks(_: Any) -> PlainTextResponse:
        raise Broken("no stock")

    async def be_cancelled(_: Any) -> PlainTextResponse:
        await cancelled()
        return PlainTextResponse("")

    app = Starlette(
        routes=[
            Route("/ok/{number:int}", lambda _: JSONResponse(ok())),
            Route(IGNORED, lambda _: JSONResponse(ok())),
            Route("/status/{code:int}", status),
            Route("/breaks", breaks),
            Route("/cancelled", be_cancelled),
            Route("/stream", lambda _: StreamingResponse(each(lines()))),
            Route("/stream-breaks", lambda _: StreamingResponse(each(broken_lines()))),
            Route("/endless", lambda _: StreamingResponse(each(endless_lines()))),
        ]
    )
    with running.asgi(app) as caller:
        yield caller


@contextmanager
def serve_fastapi() -> Iterator[Caller]:
    app = FastAPI()
    app.add_middleware(TraceMiddleware)

    @app.middleware("http")
    async def outermost(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    app.get("/ok/{number}")(lambda number: ok())
    app.get(IGNORED)(ok)
    app.get("/status/{code}")(lambda code: Response(status_code=int(code)))
    app.get("/cancelled")(cancelled)
    app.get("/stream")(lambda: FastStream(lines()))
    app.get("/stream-breaks")(lambda: FastStream(broken_lines()))
    app.get("/endless")(lambda: FastStream(each(endless_lines())))

    @app.get("/breaks")
    def breaks() -> None:
        raise Broken("no stock")

    with running.asgi(app) as caller:
        yield caller


SUBJECTS = [
    Subject("asgi", serve_bare),
    Subject("starlette", serve_starlette, template="/ok/{number:int}", hooks=("starlette",)),
    Subject("fastapi", serve_fastapi),
]
