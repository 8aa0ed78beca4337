"""ASGI middleware: one server row per request, for FastAPI, Starlette and any ASGI application.

A pure ASGI class around ``receive`` and ``send``: streaming, context variables and
background tasks stay as they are. The row is named by the route's template, which
is known only after routing, and ends with the last chunk of the body.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from hopline import tracer as tracing
from hopline.context import get_current, set_current
from hopline.hooks import background
from hopline.hooks.http_client import SERVICE_HEADER, TRACE_HEADER
from hopline.noop import NOOP
from hopline.spans import Span

_SPAN_KEY: Final = "hopline.span"
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
        if scope["type"] != "http" or _SPAN_KEY in scope:
            await self._app(scope, receive, send)
            return
        tracer = tracing.active()
        if not tracer.enabled or scope["path"] in tracer.ignored_paths:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        span = tracer.receive(scope["method"], scope["headers"], sender=client[0] if client else None)
        if span is NOOP:  # tracing was switched off this very moment
            await self._app(scope, receive, send)
            return
        scope[_SPAN_KEY] = span
        request = _Request(span, scope, receive, send, tracer.service_header)
        span.begin()
        before = get_current()
        set_current(span)
        try:
            await self._app(scope, request.receive, request.send)
        except BaseException as error:
            request.failed(error)
            raise
        finally:
            set_current(before)
        if not span.end_ns:
            request.returned()


class _Request:
    """One request and its row, which may end before the application returns."""

    __slots__ = ("_disconnected", "_receive", "_scope", "_send", "_service", "_span", "_started")

    def __init__(self, span: Span, scope: Scope, receive: Receive, send: Send, service: bytes) -> None:
        self._span = span
        self._scope = scope
        self._receive = receive
        self._send = send
        self._service = service
        self._disconnected = False
        self._started = False
        span.entry.operation = self._name

    def failed(self, error: BaseException) -> None:
        """The application raised ``error``."""
        if not self._span.end_ns:
            self._span.record_exception(error)
            if not self._started:  # the server around us will answer
                self._span.tag(_STATUS, "500")
            self._end()

    def returned(self) -> None:
        """The application is done, and the answer is not."""
        if self._disconnected:
            self._span.fail("ClientDisconnect")
        elif not self._started:
            self._span.fail("NoResponse")
        self._end()

    async def receive(self) -> Message:
        """The server's next message; a disconnect is noted."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._disconnected = True
        return message

    async def send(self, message: Message) -> None:
        """Pass the application's message on: the first gets our headers, the last ends the row."""
        span = self._span
        if message["type"] == "http.response.start":
            self._started = True
            status = message["status"]
            if type(span) is Span:
                span.tags[_STATUS] = str(status)
                if status >= 500:
                    span.fail(str(status))
            ours = ((_TRACE_HEADER, span.trace_id.encode()), (_SERVICE_HEADER, self._service))
            message = {**message, "headers": [*message.get("headers", ()), *ours]}
            await self._send(message)
            return
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._end()

    def _end(self) -> None:
        """End the row; what the application does after its answer gets rows of its own."""
        span, scope = self._span, self._scope
        name = self._name()
        span.entry.operation = name  # no longer this object's method, which would make a cycle
        if type(span) is Span:
            span.name = name
            span.tags["http.request.method"] = scope["method"]
            attrs = span.detail.attrs
            attrs["url.path"] = scope["path"]
            client = scope.get("client")
            if client:
                attrs["client.address"] = str(client[0])
            span.finish()

    def _name(self) -> str:
        try:
            route = template(self._scope)
        except Exception:  # a router with routes of another kind
            route = ""
        return f"{self._scope['method']} {route}" if route else str(self._scope["method"])


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
