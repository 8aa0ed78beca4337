"""ASGI middleware: one server row per request, for FastAPI, Starlette and any ASGI application.

A pure ASGI class around ``receive`` and ``send``: streaming, context variables and
background tasks stay as they are. The row is named by the route's template, which
is known only after routing, and ends with the last chunk of the body.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, Final

from hopline import tracer as tracing
from hopline.context import get_current, set_current
from hopline.hooks import background
from hopline.hooks.http_client import SERVICE_HEADER, TRACE_HEADER
from hopline.noop import NOOP
from hopline.spans import Span
from hopline.tracer import Tracer

_MARK: Final = "hopline.traced"
_STATUS: Final = "http.response.status_code"
_TRACE_HEADER: Final = TRACE_HEADER.encode()
_SERVICE_HEADER: Final = SERVICE_HEADER.encode()

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class TraceMiddleware:
    """``app.add_middleware(TraceMiddleware)``; websockets and lifespan pass untouched."""

    def __init__(self, app: App) -> None:
        self._app = app
        if "starlette" in sys.modules:
            background.install()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request under a server row; inside another of these, pass."""
        if scope["type"] != "http" or _MARK in scope:
            await self._app(scope, receive, send)
            return
        tracer = tracing.active()
        if not tracer.enabled or scope["path"] in tracer.ignored_paths:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        sender = client[0] if client else None
        span = tracer.receive_http(scope["method"], scope["headers"], sender, partial(operation, scope))
        if span is NOOP:  # tracing was switched off this very moment
            await self._app(scope, receive, send)
            return
        scope[_MARK] = True
        request = None
        if type(span) is Span:
            request = _Request(span, scope, receive, send, tracer)
            receive, send = request.receive, request.send
            span.begin()
        else:
            send = _answering(send, span, tracer)
        before = get_current()
        set_current(span)
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            if request is not None:
                request.failed(error)
            raise
        finally:
            set_current(before)
        if request is not None and not request.span.end_ns:
            request.returned()


def _answering(send: Send, span: Span, tracer: Tracer) -> Send:
    """``send`` of a request that is not recorded: its answer still says the trace id."""

    def answer(message: Message) -> Awaitable[None]:
        try:
            if message["type"] == "http.response.start":
                message = _with_ours(message, span, tracer)
        except Exception as error:
            tracing.broken(error)
        return send(message)

    return answer


def _with_ours(message: Message, span: Span, tracer: Tracer) -> Message:
    """The start of an answer with our two headers at the end."""
    trace = (_TRACE_HEADER, span.trace_id.encode())
    return {**message, "headers": [*message.get("headers", ()), trace, (_SERVICE_HEADER, tracer.service_header)]}


class _Request:
    """One request and its row, which may end before the application returns."""

    __slots__ = ("_disconnected", "_receive", "_scope", "_send", "_started", "_tracer", "span")

    def __init__(self, span: Span, scope: Scope, receive: Receive, send: Send, tracer: Tracer) -> None:
        self.span = span
        self._scope = scope
        self._receive = receive
        self._send = send
        self._tracer = tracer
        self._disconnected = False
        self._started = False

    def failed(self, error: BaseException) -> None:
        """The application raised ``error``."""
        if not self.span.end_ns:
            self.span.record_exception(error)
            if not self._started:  # the server around us will answer
                self.span.tags[_STATUS] = "500"
            self._end()

    def returned(self) -> None:
        """The application is done, and the answer is not."""
        if self._disconnected:
            self.span.fail("ClientDisconnect")
        elif not self._started:
            self.span.fail("NoResponse")
        self._end()

    async def receive(self) -> Message:
        """The server's next message; a disconnect is noted."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._disconnected = True
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass the application's message on: the first gets our headers, the last ends the row.

        A coroutine of ours only around the last, which must wait: each costs as much as a span.
        """
        try:
            kind = message["type"]
            if kind == "http.response.start":
                message = self._start(message)
            elif kind == "http.response.body" and not message.get("more_body", False):
                return self._send_last(message)
        except Exception as error:
            tracing.broken(error)
        return self._send(message)

    def _start(self, message: Message) -> Message:
        span, status = self.span, message["status"]
        self._started = True
        span.tags[_STATUS] = str(status)
        if status >= 500:
            span.fail(str(status))
        return _with_ours(message, span, self._tracer)

    async def _send_last(self, message: Message) -> None:
        await self._send(message)
        self._end()

    def _end(self) -> None:
        """End the row; what the application does after its answer gets rows of its own."""
        span, scope = self.span, self._scope
        try:
            span.name = span.entry.operation = operation(scope)  # the entry lets go of the scope
            span.tags["http.request.method"] = scope["method"]
            attrs = span.detail.attrs
            attrs["url.path"] = scope["path"]
            client = scope.get("client")
            if client:
                attrs["client.address"] = str(client[0])
        except Exception as error:
            tracing.broken(error)
        span.finish()


def operation(scope: Scope) -> str:
    """``METHOD /route/{template}`` as far as it is known by now, or the method alone."""
    try:
        route = template(scope)
    except Exception:  # a router with routes of another kind
        route = ""
    return f"{scope['method']} {route}" if route else str(scope["method"])


def template(scope: Scope) -> str:
    """The route's template as the client sees it, prefixes and mounts included; empty without a route.

    A route knows only the part of the path below what it is mounted or included
    under; the part above comes from the path, parameters put back in their place.
    """
    route = scope.get("route")
    path: str = scope["path"]
    own: str | None = getattr(route, "path", None)
    if own is None:
        return ""
    regex = getattr(route, "path_regex", None)
    prefix = ""
    if regex is not None and not regex.match(path):
        starts = (i for i, char in enumerate(path) if char == "/" and i)
        prefix = next((path[:i] for i in starts if regex.match(path[i:])), "")
    if prefix:
        own_names = getattr(route, "param_convertors", {})
        values = {str(v): k for k, v in scope.get("path_params", {}).items() if k not in own_names}
        prefix = "/".join(f"{{{values[part]}}}" if part in values else part for part in prefix.split("/"))
    return prefix + own
