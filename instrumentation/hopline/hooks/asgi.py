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
from hopline.hooks import background, guard
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
        span: Span = NOOP
        request, answer = None, send
        try:
            tracer = tracing.active()
            if tracer.enabled and scope["path"] not in tracer.ignored_paths:
                client = scope.get("client")
                sender = client[0] if client else None
                span = tracer.receive_http(scope["method"], scope["headers"], sender, partial(operation, scope))
                if type(span) is Span:
                    span.begin()
                    request = _Request(span, scope, receive, send, tracer)
                elif span is not NOOP:
                    answer = _answering(send, span, tracer)
                scope[_MARK] = True
        except Exception as error:
            guard.note(error)
            span, request, answer = NOOP, None, send
        if span is NOOP:
            await self._app(scope, receive, send)
            return
        before = get_current()
        set_current(span)
        try:
            if request is None:
                await self._app(scope, receive, answer)
            else:
                await self._app(scope, request.receive, request.send)
        except BaseException as error:
            if request is not None:
                request.end(error)
            raise
        finally:
            set_current(before)
        if request is not None:
            request.end(None)


def _answering(send: Send, span: Span, tracer: Tracer) -> Send:
    """``send`` of a request that is not recorded: its answer still says the trace id."""

    def answer(message: Message) -> Awaitable[None]:
        try:
            if message["type"] == "http.response.start":
                message = _with_ours(message, span, tracer)
        except Exception as error:
            guard.note(error)
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

    def end(self, error: BaseException | None) -> None:
        """The application raised ``error``, or is done: that ends the row, unless the answer did."""
        span = self.span
        if span.end_ns:
            return
        try:
            if error is not None:
                span.record_exception(error)
                if not self._started:  # the server around us will answer
                    span.tags[_STATUS] = "500"
            elif self._disconnected:
                span.fail("ClientDisconnect")
            elif not self._started:
                span.fail("NoResponse")
        except Exception as failure:
            guard.note(failure)
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
            guard.note(error)
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
            span.finish()
        except Exception as error:
            guard.note(error)


def operation(scope: Scope) -> str:
    """``METHOD /route/{template}`` as far as it is known by now, or the method alone."""
    try:
        route = template(scope) if "route" in scope else ""
    except Exception as error:  # a router with routes of another kind
        guard.note(error)
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
