"""ASGI middleware: one server row per request, for FastAPI, Starlette and any ASGI application.

A pure ASGI class around ``receive`` and ``send``: streaming, context variables and
background tasks stay as they are. The row is named by the route's template, which
is known only after routing, and ends with the last chunk of the body.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from hopline import tracer as tracing
from hopline.context import Active
from hopline.hooks import background
from hopline.hooks.http_client import SERVICE_HEADER, TRACE_HEADER
from hopline.spans import Span

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


_SPAN_KEY: Final = "hopline.span"


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
        if not tracer.enabled or scope["path"] in tracer.config.ignore_paths:
            await self._app(scope, receive, send)
            return
        span = tracer.receive(scope["method"], scope["headers"])
        scope[_SPAN_KEY] = span
        request = _Request(span, scope, receive, send, tracer.config.service.encode("latin-1", "replace"))
        span.begin()
        with Active(span):
            await request.serve(self._app)


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

    async def serve(self, app: App) -> None:
        span = self._span
        try:
            await app(self._scope, self._watch, self._answer)
        except BaseException as error:
            if not span.end_ns:
                span.record_exception(error)
                if not self._started:  # the server around us will answer
                    span.tag("http.response.status_code", "500")
                self._end()
            raise
        if not span.end_ns:
            if self._disconnected:
                span.fail("ClientDisconnect")
            elif not self._started:
                span.fail("NoResponse")
            self._end()

    async def _watch(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._disconnected = True
        return message

    async def _answer(self, message: Message) -> None:
        span = self._span
        if message["type"] == "http.response.start":
            self._started = True
            status = message["status"]
            if span.recording:
                span.tag("http.response.status_code", str(status))
                if status >= 500:
                    span.fail(str(status))
            trace_id = span.trace_id.encode()
            extra = [(TRACE_HEADER.encode(), trace_id), (SERVICE_HEADER.encode(), self._service)] if trace_id else []
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._end()

    def _end(self) -> None:
        """End the row; what the application does after its answer gets rows of its own."""
        span = self._span
        if span.recording:
            self._describe()
        span.finish()

    def _name(self) -> str:
        route = template(self._scope)
        return f"{self._scope['method']} {route}" if route else str(self._scope["method"])

    def _describe(self) -> None:
        span, scope = self._span, self._scope
        span.name = self._name()
        span.tag("http.request.method", scope["method"])
        span.attr("url.path", scope["path"])
        client = scope.get("client")
        if client:
            span.attr("client.address", client[0])


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
