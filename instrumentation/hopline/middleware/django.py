"""Django middleware, sync and async: one server row per request.

It goes first into ``MIDDLEWARE``: ``"hopline.middleware.django.TraceMiddleware"``.
"""

import re
from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.admindocs import utils as regex
from django.http import FileResponse, HttpRequest, HttpResponseBase

from hopline.context import Active, current
from hopline.hooks.guard import safely
from hopline.hooks.server import HttpCall
from hopline.middleware.route import ROUTE_KEY, braces
from hopline.middleware.wsgi import Body, latin1, request_headers

_ERROR: Final = "_hopline_error"
_REGEX: Final = re.compile(r"[\^$\\(]")

_SIMPLIFIERS: Final = (
    regex.remove_non_capturing_groups,
    regex.replace_named_groups,
    regex.replace_unnamed_groups,
    regex.replace_metacharacters,
)
"""How Django's own documentation pages make a regular expression readable."""


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
        """Serve one request under a server row; inside another served request, pass."""
        call = safely(_begun, request)
        if self._is_async:
            return self._serve_async(request, call)
        if call is None:
            return self._pass_on(request, self._get_response(request))
        try:
            with Active(call.span):
                response = self._get_response(request)
        except BaseException as error:
            call.end(error)
            raise
        return call.answer(response)

    async def _serve_async(self, request: HttpRequest, call: "_Call | None") -> HttpResponseBase:
        get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]] = self._get_response
        if call is None:
            return self._pass_on(request, await get_response(request))
        try:
            with Active(call.span):
                response = await get_response(request)
        except BaseException as error:
            call.judge_cancelling(error)
            call.end(error)
            raise
        return call.answer(response)

    def _pass_on(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Tell a middleware further out what only Django knows: the route."""
        with suppress(Exception):
            route = request.META.get(ROUTE_KEY) or template(request)
            request.META[ROUTE_KEY] = route
            request.scope[ROUTE_KEY] = route  # there is one under ASGI
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Remember what the view raised: Django itself turns it into an answer."""
        setattr(request, _ERROR, exception)


def _begun(request: HttpRequest) -> "_Call | None":
    call = _Call(request)
    return call if call.begin(call.method, call.path, request_headers(request.META)) else None


class _Call(HttpCall):
    """One request and its row, which ends with the body of the answer."""

    __slots__ = ("_request",)

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.method or "", request.path, request.META.get("REMOTE_ADDR") or None)
        self._request = request

    def route(self) -> str:
        """What the view has named, or the template of the route, once it is resolved."""
        named = self._request.META.get(ROUTE_KEY)
        return braces(str(named)) if named else template(self._request)

    def header(self, name: str) -> str:
        """One of the request's headers."""
        return str(self._request.headers.get(name, ""))

    def answer(self, response: HttpResponseBase) -> HttpResponseBase:
        """The answer with our headers, its row ended or to end with its body."""
        safely(self._answer, response)
        return response

    def _answer(self, response: HttpResponseBase) -> None:
        self.answered(response.status_code)
        self.raised = getattr(self._request, _ERROR, None)
        for name, value in self.headers():
            response.headers[name] = latin1(value)
        if not response.streaming or isinstance(response, FileResponse):
            self.end()
        elif getattr(response, "is_async", False):
            response.streaming_content = _AsyncBody(response.streaming_content, self)
        else:
            context = copy_context()
            context.run(current.set, self.span)
            response.streaming_content = Body(response.streaming_content, self, context.run)

    def judge_cancelling(self, error: BaseException) -> None:
        """Django cancels the work for a client that has gone, and for nothing else."""
        self.disconnected = self.disconnected or isinstance(error, CancelledError)

    def cut(self) -> None:
        """The server stopped before the end of the body: the client has gone."""
        if self.method != "HEAD":
            self.disconnected = True


class _AsyncBody:
    """The body; each step of it runs inside the row, and its end or its closing ends the row."""

    def __init__(self, body: AsyncIterator[bytes], call: _Call) -> None:
        self._body = body
        self._call = call
        self._complete = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            with Active(self._call.span):
                return await anext(self._body)
        except StopAsyncIteration:
            self._complete = True
            self._call.end()
            raise
        except BaseException as error:
            self._complete = True
            self._call.judge_cancelling(error)
            self._call.end(error)
            raise

    def close(self) -> None:
        """Django calls this when the answer is done or given up."""
        if not self._complete:
            self._call.cut()
        self._call.end()


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
