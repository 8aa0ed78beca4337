"""Websockets under ASGI: one row for the handshake, and by setting one for the handling of each message.

A connection lives for hours, so it is no row: it would be the slowest request of the service. What happens on it
after the handshake belongs to no request; each message's work is a trace of its own, linked to the handshake.
"""

from collections.abc import Awaitable

from hopline import tracer as tracing
from hopline.context import get_current, set_current
from hopline.hooks.guard import note, safely
from hopline.hooks.server import HttpCall
from hopline.middleware.asgi_scope import App, Message, Receive, Scope, Send, template
from hopline.noop import NOOP
from hopline.spans import Span

SWITCHING: int = 101
REFUSED: int = 403
"""What the server answers when the application closes before it accepts."""


async def serve(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection."""
    call = safely(_begun, scope, receive, send)
    if call is None:
        await app(scope, receive, send)
        return
    before = get_current()
    set_current(call.span)
    try:
        await app(scope, call.receive, call.send)
    except BaseException as error:
        call.leave(error)
        raise
    finally:
        set_current(before)
    call.leave(None)


def _begun(scope: Scope, receive: Receive, send: Send) -> "_Connection | None":
    call = _Connection(scope, receive, send)
    return call if call.begin(call.method, call.path, scope["headers"]) else None


class _Connection(HttpCall):
    """One connection: its handshake's row, then the row of the message that is being handled, if those are wanted."""

    __slots__ = ("_message", "_receive", "_scope", "_send")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        super().__init__("GET", scope["path"], client[0] if client else None)
        self._scope = scope
        self._receive = receive
        self._send = send
        self._message: Span = NOOP

    def route(self) -> str:
        """Template of the route that the router has left in the scope."""
        return template(self._scope)

    async def receive(self) -> Message:
        """The next message; asking for it ends the handling of the one before."""
        safely(self._handled, None)
        message = await self._receive()
        try:
            if message["type"] == "websocket.disconnect" and not self.status:
                self.disconnected = True
            elif message["type"] == "websocket.receive":
                self._handle()
        except Exception as error:
            note(error)
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass the application's message on; the first answer ends the handshake."""
        try:
            kind = message["type"]
            if kind == "websocket.accept":
                message = {**message, "headers": [*message.get("headers", ()), *self.raw_headers()]}
                self._answered(SWITCHING)
            elif kind == "websocket.close":
                self._answered(REFUSED)
            elif kind == "websocket.http.response.start":
                self._answered(message["status"])
        except Exception as error:
            note(error)
        return self._send(message)

    def _answered(self, status: int) -> None:
        span = self.span
        if self.status or not span.recording:
            return  # an unsampled connection stays so
        self.answered(status)
        self.end()
        if get_current() is span:
            set_current(None)

    def _handle(self) -> None:
        tracer = tracing.active()
        if self.status != SWITCHING or not tracer.config.websocket_messages or get_current() is not None:
            return
        span = tracer.root(f"message {self.route()}".rstrip(), "local", {})
        span.link(self.span.trace_id, self.span.id, "server")
        span.begin()
        self._message = span
        set_current(span)

    def _handled(self, error: BaseException | None) -> None:
        span, self._message = self._message, NOOP
        if span is not NOOP:
            span.finish(error)
            if get_current() is span:
                set_current(None)

    def leave(self, error: BaseException | None) -> None:
        """The application is done with the connection."""
        safely(self._handled, error)
        self.end(error)
