"""aiohttp's server by its hook."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from support.contract import running
from support.contract.server import IGNORED, Broken, Caller, Subject, broken_lines, endless_lines, lines, ok
from support.contract.servers.asgi import cancelled, each


async def answer(_: web.Request) -> web.Response:
    return web.json_response(ok())


async def status(request: web.Request) -> web.Response:
    return web.Response(status=int(request.match_info["code"]))


async def breaks(_: web.Request) -> web.Response:
    raise Broken("no stock")


async def be_cancelled(_: web.Request) -> web.Response:
    await cancelled()
    return web.Response()


def streaming(texts: Callable[[], Iterator[str]]) -> Callable[[web.Request], object]:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for text in each(texts()):
            await response.write(text.encode())
        return response

    return stream


@contextmanager
def serve() -> Iterator[Caller]:
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL + 1)
    app = web.Application()
    app.router.add_get("/ok/{number}", answer)
    app.router.add_get(IGNORED, answer)
    app.router.add_get("/status/{code}", status)
    app.router.add_get("/breaks", breaks)
    app.router.add_get("/cancelled", be_cancelled)
    for path, texts in {"/stream": lines, "/stream-breaks": broken_lines, "/endless": endless_lines}.items():
        app.router.add_get(path, streaming(texts))  # type: ignore[arg-type]
    with running.aiohttp_application(app) as caller:
        yield caller


SUBJECTS = [Subject("aiohttp", serve, hooks=("aiohttp_server",))]
