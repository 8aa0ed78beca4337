"""Django, sync and async: one server row per request, through a middleware.

By hand it goes first into ``MIDDLEWARE``: ``"hopline.hooks.django.TraceMiddleware"``.
The hook puts it there when a handler loads its middleware, and leaves the settings alone.
"""

import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.admindocs import utils as regex
from django.core.handlers.base import BaseHandler
from django.http import FileResponse, HttpRequest, HttpResponseBase

from hopline import tracer as tracing
from hopline.context import Active, current
from hopline.hooks.guard import quietly
from hopline.hooks.http_client import SERVICE_HEADER, TRACE_HEADER
from hopline.hooks.patch import Patches
from hopline.hooks.wsgi import DISCONNECT, ROUTE_KEY, SPAN_KEY, Body, braces, request_headers
from hopline.noop import NOOP
from hopline.spans import Span

NAME: Final = "hopline.hooks.django.TraceMiddleware"
_ERROR: Final = "_hopline_error"
_REGEX: Final = re.compile(r"[\^$\\(]")

_SIMPLIFIERS: Final = (
    regex.remove_non_capturing_groups,
    regex.replace_named_groups,
    regex.replace_unnamed_groups,
    regex.replace_metacharacters,
)
"""How Django's own documentation pages make a regular expression readable."""

_patches = Patches()


def install() -> None:
    """Patch the loading of middleware; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(BaseHandler, "load_middleware", _with_ours)


def uninstall() -> None:
    """Put the original back."""
    _patches.undo()


def _with_ours(original: Any) -> Any:
    @functools.wraps(original)
    def load_middleware(self: BaseHandler, *args: Any, **kwargs: Any) -> None:
        configured = settings.MIDDLEWARE
        if NAME not in configured:
            settings.MIDDLEWARE = [NAME, *configured]
        try:
            original(self, *args, **kwargs)
        finally:
            settings.MIDDLEWARE = configured

    return load_middleware


class TraceMiddleware:
    """Belongs first in ``MIDDLEWARE``, so that the row spans the work of all others."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request under a server row."""
        exchange = quietly(_start, request)
        if self._is_async:
            return self._serve_async(request, exchange)
        if exchange is None:
            return self._pass_on(request, self._get_response(request))
        try:
            with Active(exchange.span):
                response = self._get_response(request)
        except BaseException as error:
            exchange.end(error)
            raise
        return exchange.answer(response)

    async def _serve_async(self, request: HttpRequest, exchange: "_Exchange | None") -> HttpResponseBase:
        get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]] = self._get_response
        if exchange is None:
            return self._pass_on(request, await get_response(request))
        try:
            with Active(exchange.span):
                response = await get_response(request)
        except BaseException as error:
            exchange.end(error)
            raise
        return exchange.answer(response)

    def _pass_on(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Tell a middleware further out what only Django knows: the route."""
        with suppress(Exception):
            request.META[ROUTE_KEY] = template(request)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Remember what the view raised: Django itself turns it into an answer."""
        setattr(request, _ERROR, exception)


def _start(request: HttpRequest) -> "_Exchange | None":
    """The request and its row, begun; ``None`` for one that has a row or shall have none."""
    tracer = tracing.active()
    outer = current.get()
    traced = SPAN_KEY in request.META or (outer is not None and outer.kind == "server")
    if traced or request.path in tracer.ignored_paths:
        return None
    sender = request.META.get("REMOTE_ADDR") or None
    span = tracer.receive(request.method or "", request_headers(request.META), sender=sender)
    return None if span is NOOP else _Exchange(span, request)


class _Exchange:
    """One request and its row, which ends with the body of the answer."""

    __slots__ = ("_request", "_status", "span")

    def __init__(self, span: Span, request: HttpRequest) -> None:
        self.span = span
        self._request = request
        self._status = 0
        request.META[SPAN_KEY] = span
        span.entry.operation = self._name
        span.begin()

    def answer(self, response: HttpResponseBase) -> HttpResponseBase:
        """The answer with our headers, its row ended or to end with its body."""
        quietly(self._answer, response)
        return response

    def _answer(self, response: HttpResponseBase) -> None:
        span = self.span
        self._status = response.status_code
        response.headers[TRACE_HEADER] = span.trace_id
        response.headers[SERVICE_HEADER] = span.entry.tracer.config.service
        if not response.streaming or isinstance(response, FileResponse):
            self.end()
        elif getattr(response, "is_async", False):
            response.streaming_content = _AsyncBody(response.streaming_content, self, span)
        else:
            context = copy_context()
            context.run(current.set, span)
            response.streaming_content = Body(response.streaming_content, self, context.run)

    def end(self, error: BaseException | None = None) -> None:
        quietly(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        span, request = self.span, self._request
        if span.recording and not span.end_ns:
            span.name = self._name()
            span.tag("http.request.method", request.method)
            span.attr("url.path", request.path)
            span.attr("client.address", request.META.get("REMOTE_ADDR", ""))
            if self._status:
                span.tag("http.response.status_code", str(self._status))
            if self._status >= 500:
                span.fail(str(self._status))
                raised = getattr(request, _ERROR, None)
                if raised is not None:
                    span.record_exception(raised)
        span.finish(error)

    def cut(self) -> None:
        """The server stopped before the end of the body: the client has gone."""
        if self._request.method != "HEAD":
            quietly(self.span.fail, DISCONNECT)

    def _name(self) -> str:
        route = quietly(template, self._request)  # a resolver of another kind costs the route
        return f"{self._request.method} {route}" if route else str(self._request.method)


class _AsyncBody:
    """The body; each step of it runs inside the row, and its end or its closing ends the row."""

    def __init__(self, body: AsyncIterator[bytes], exchange: _Exchange, span: Span) -> None:
        self._body = body
        self._exchange = exchange
        self._span = span
        self._complete = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            with Active(self._span):
                return await anext(self._body)
        except StopAsyncIteration:
            self._complete = True
            self._exchange.end()
            raise
        except BaseException as error:
            self._complete = True
            self._exchange.end(error)
            raise

    def close(self) -> None:
        """Django calls this when the answer is done or given up."""
        if not self._complete:
            self._exchange.cut()
        self._exchange.end()


def template(request: HttpRequest) -> str:
    """The route's template, as ``/orders/{pk}/``; empty without a route."""
    match = request.resolver_match
    if match is None or not match.route:
        return "" if match is None else "/"
    route: str = match.route
    if _REGEX.search(route):
        for simplify in _SIMPLIFIERS:
            route = simplify(route)
    return braces(route if route.startswith("/") else f"/{route}")
