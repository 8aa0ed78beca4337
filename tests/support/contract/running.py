"""Applications behind a real server in a thread of this process, so that the recorder sees their rows."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer, make_server

import uvicorn
from aiohttp import web

from support.contract.server import Caller
from support.waiting import wait_until


@contextmanager
def asgi(app: Any) -> Iterator[Caller]:
    """Behind uvicorn."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), what="uvicorn listens")
        yield Caller(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def wsgi(app: Any) -> Iterator[Caller]:
    """Behind the standard library's server, a thread for each request; what an application raises is not printed."""
    server = make_server("127.0.0.1", 0, app, server_class=_Threads, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    log_exception = ServerHandler.log_exception
    ServerHandler.log_exception = lambda *_: None  # type: ignore[method-assign]
    thread.start()
    try:
        yield Caller(server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        ServerHandler.log_exception = log_exception  # type: ignore[method-assign]


@contextmanager
def aiohttp_application(app: web.Application) -> Iterator[Caller]:
    """Behind aiohttp's own server."""
    ports: list[int] = []
    loop = asyncio.new_event_loop()
    stopped = asyncio.Event()

    async def main() -> None:
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(runner.addresses[0][1])
        await stopped.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        wait_until(lambda: ports or not thread.is_alive(), what="aiohttp listens")
        yield Caller(ports[0])
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()
