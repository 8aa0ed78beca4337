"""aiohttp's server: one server row per request, named by the template of its route.

By hand: ``trace_application(app)`` before the application starts. The hook does it
for every application that is made after it.
"""

import functools
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from hopline import tracer as tracing
from hopline.context import Active
from hopline.hooks.guard import guarded, quietly
from hopline.hooks.http_client import SERVICE_HEADER, TRACE_HEADER
from hopline.hooks.patch import Patches
from hopline.hooks.wsgi import DISCONNECT
from hopline.noop import NOOP
from hopline.spans import Span

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SPAN: Final[Any] = web.RequestKey("hopline.span", Span) if hasattr(web, "RequestKey") else "hopline.span"
"""Where the request keeps its row: aiohttp 3.14 wants keys of its own making."""

_patches = Patches()


def install() -> None:
    """Patch ``Application``; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(web.Application, "__init__", _traced)


def uninstall() -> None:
    """Put the original back; applications that exist stay traced."""
    _patches.undo()


def _traced(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: web.Application, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        quietly(trace_application, self)

    return init


def trace_application(app: web.Application) -> None:
    """Serve every request of ``app`` under a server row; doing it twice is doing it once."""
    if middleware not in app.middlewares:
        app.middlewares.insert(0, middleware)
        app.on_response_prepare.append(_add_headers)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Serve one request under a server row."""
    span = guarded(_start, request)
    if span is NOOP:
        return await handler(request)
    try:
        with Active(span):
            response = await handler(request)
    except web.HTTPException as answer:
        quietly(_end, span, request, answer.status)
        raise
    except CancelledError:
        quietly(_end, span, request, 0)
        raise
    except BaseException as error:
        quietly(_end, span, request, 500, error)
        raise
    quietly(_end, span, request, response.status)
    return response


def _start(request: web.Request) -> Span:
    """Server row, begun, or the no-op for a request that has one or shall have none."""
    tracer = tracing.active()
    if _SPAN in request or request.path in tracer.ignored_paths:
        return NOOP
    span = tracer.receive(request.method, request.headers.items(), sender=request.remote)
    if span is not NOOP:
        request[_SPAN] = span
        span.name = span.entry.operation = name(request)
        span.begin()
    return span


def _end(span: Span, request: web.Request, status: int, error: BaseException | None = None) -> None:
    """End the row; without a status the client has gone."""
    if error is not None:
        span.record_exception(error)
    elif not status:
        span.fail(DISCONNECT)
    if span.recording:
        span.tag("http.request.method", request.method)
        span.attr("url.path", request.path)
        if request.remote:
            span.attr("client.address", request.remote)
        if status:
            span.tag("http.response.status_code", str(status))
        if status >= 500 and not span.detail.error:
            span.fail(str(status))
    span.finish()


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    span: Span | None = request.get(_SPAN)
    if span is not None:
        quietly(_say_who, response, span)


def _say_who(response: web.StreamResponse, span: Span) -> None:
    response.headers[TRACE_HEADER] = span.trace_id
    response.headers[SERVICE_HEADER] = span.entry.tracer.config.service


def name(request: web.Request) -> str:
    """``METHOD /route/{template}``, sub-applications included; the method alone without a route."""
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical}" if resource is not None else request.method
