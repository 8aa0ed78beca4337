"""Middleware of aiohttp's server: one server row per request, named by the template of its route.

``trace_application(app)`` before the application starts. Of a websocket the handshake is the request.
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from hopline.context import Active, get_current, set_current
from hopline.hooks.guard import safely
from hopline.hooks.server import HttpCall
from hopline.middleware.websocket import SWITCHING

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def trace_application(app: web.Application) -> None:
    """Serve every request of ``app`` under a server row; doing it twice is doing it once."""
    if middleware not in app.middlewares:
        app.middlewares.insert(0, middleware)
        app.on_response_prepare.append(_prepared)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Serve one request under a server row; inside another served request, pass."""
    call = safely(_begun, request)
    if call is None:
        return await handler(request)
    try:
        with Active(call.span):
            response = await handler(request)
    except web.HTTPException as answer:
        call.answered(answer.status)
        call.end()
        raise
    except BaseException as error:
        call.disconnected = isinstance(error, CancelledError) or _has_gone(request)
        call.end(error)
        raise
    call.answered(response.status)
    call.end()
    return response


def _begun(request: web.Request) -> "_Call | None":
    call = _Call(request)
    if not call.begin(call.operation(), call.path, request.headers.items()):
        return None
    request[_CALL] = call
    return call


def _has_gone(request: web.Request) -> bool:
    """Whether the client has closed its connection; aiohttp cancels the handler, or lets it fail to write."""
    return request.transport is None or request.transport.is_closing()


class _Call(HttpCall):
    """One request and its row."""

    __slots__ = ("_request",)

    def __init__(self, request: web.Request) -> None:
        super().__init__(request.method, request.path, request.remote)
        self._request = request

    def header(self, name: str) -> str:
        """One of the request's headers."""
        return ",".join(self._request.headers.getall(name, []))

    def route(self) -> str:
        """Template of the route, sub-applications included; known from the beginning."""
        resource = self._request.match_info.route.resource
        return resource.canonical if resource is not None else ""


_CALL: Final[Any] = web.RequestKey("hopline.call", _Call) if hasattr(web, "RequestKey") else "hopline.call"
"""Where the request keeps its call: aiohttp 3.14 wants keys of its own making."""


async def _prepared(request: web.Request, response: web.StreamResponse) -> None:
    call: _Call | None = request.get(_CALL)
    if call is not None:
        safely(_begin_answer, response, call)


def _begin_answer(response: web.StreamResponse, call: _Call) -> None:
    call.answered(response.status)
    for name, value in call.headers():
        response.headers[name] = value
    if response.status == SWITCHING:  # what follows belongs to no request, and may live for hours
        call.end()
        if get_current() is call.span:
            set_current(None)
