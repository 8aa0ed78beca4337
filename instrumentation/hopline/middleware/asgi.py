"""ASGI middleware: one server row per request, for FastAPI, Starlette and any ASGI application.

A pure ASGI class around ``receive`` and ``send``: streaming, context variables and
background tasks stay as they are. The row is named by the route's template, which
is known only after routing, and ends with the last chunk of the body.
"""

import sys
from collections.abc import Awaitable

from hopline.context import get_current, set_current
from hopline.hooks import background
from hopline.hooks.guard import note
from hopline.hooks.server import HttpCall
from hopline.middleware import websocket
from hopline.middleware.asgi_scope import App, Message, Receive, Scope, Send, template

__all__ = ["TraceMiddleware", "template"]


class TraceMiddleware:
    """``app.add_middleware(TraceMiddleware)``; of a websocket its handshake is the request."""

    def __init__(self, app: App) -> None:
        self._app = app
        if "starlette" in sys.modules:
            background.install()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request under a server row; inside another served request, pass."""
        if scope["type"] == "websocket":
            await websocket.serve(self._app, scope, receive, send)
            return
        call = None
        if scope["type"] == "http":
            try:
                call = _begun(scope, receive, send)
            except Exception as error:
                note(error)
        if call is None:
            await self._app(scope, receive, send)
            return
        before = get_current()
        set_current(call.span)
        try:
            if call.span.recording:
                await self._app(scope, call.receive, call.send)
            else:
                await self._app(scope, receive, call.answer)
        except BaseException as error:
            call.end(error)
            raise
        finally:
            set_current(before)
        if not call.span.end_ns:
            call.end()


def _begun(scope: Scope, receive: Receive, send: Send) -> "_Call | None":
    client = scope.get("client")
    method, path = scope["method"], scope["path"]
    call = _Call(method, path, client[0] if client else None)
    # Not by an `__init__` that calls the one above it: that would cost as much as reading the scope.
    call.scope, call.next_receive, call.next_send = scope, receive, send
    return call if call.begin(method, path, scope["headers"]) else None


class _Call(HttpCall):
    """One request and its row, which may end before the application returns.

    ``scope``, ``next_receive`` and ``next_send`` are the server's.
    """

    __slots__ = ("next_receive", "next_send", "scope")

    scope: Scope
    next_receive: Receive
    next_send: Send

    def route(self) -> str:
        """Template of the route that the router has left in the scope."""
        return template(self.scope)

    def header(self, name: str) -> str:
        """One of the request's headers."""
        wanted = name.encode()
        return ",".join(value.decode("latin-1") for key, value in self.scope["headers"] if key == wanted)

    async def receive(self) -> Message:
        """The server's next message; a disconnect is noted."""
        message = await self.next_receive()
        if message["type"] == "http.disconnect":
            self.disconnected = True
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass the application's message on: the first gets our headers, the last ends the row.

        A coroutine of ours only around the last, which must wait: each costs as much as a span.
        """
        try:
            kind = message["type"]
            if kind == "http.response.start":
                self.answered(message["status"])
                message = {**message, "headers": [*message.get("headers", ()), *self.raw_headers()]}
            elif kind == "http.response.body" and not message.get("more_body", False):
                return self._send_last(message)
        except Exception as error:
            note(error)
        return self.next_send(message)

    def answer(self, message: Message) -> Awaitable[None]:
        """:meth:`send` of a request that is not recorded: its answer still says the trace id."""
        try:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self.raw_headers()]}
        except Exception as error:
            note(error)
        return self.next_send(message)

    async def _send_last(self, message: Message) -> None:
        await self.next_send(message)
        self.end()
