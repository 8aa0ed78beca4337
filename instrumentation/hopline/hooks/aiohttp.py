"""aiohttp's client: one client row per attempt, from the request to the end of the answer's body.

Uses aiohttp's client middleware (3.12 and later), as the innermost one of every
request, so that redirects and the retries of other middleware each get a row.
"""

import functools
from typing import Any, Final

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession

from hopline.context import Active
from hopline.hooks import http_client, outgoing
from hopline.hooks.guard import guarded, quietly
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_SPAN: Final = "_hopline_span"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_patches = Patches()


def install() -> None:
    """Patch every session, made before or later; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(ClientSession, "_request", _with_ours)
        _patches.wrap(ClientResponse, "close", _ended)
        _patches.wrap(ClientResponse, "release", _ended)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _with_ours(original: Any) -> Any:
    @functools.wraps(original)
    async def request(self: ClientSession, *args: Any, **kwargs: Any) -> ClientResponse:
        given: Any = kwargs.get("middlewares")
        if given is None:
            given = getattr(self, "_middlewares", ())
        kwargs["middlewares"] = (*given, _Middleware())
        response: ClientResponse = await original(self, *args, **kwargs)
        return response

    return request


class _Middleware:
    """Traces the attempts of one request of the application."""

    __slots__ = ("_attempt",)

    def __init__(self) -> None:
        self._attempt = 0

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        span = guarded(_start, request, self._attempt)
        self._attempt += 1
        if span is NOOP:
            return await handler(request)
        try:
            with Active(span):
                response = await handler(request)
        except BaseException as error:
            quietly(span.finish, error)
            raise
        if response.status in _REDIRECTS:
            self._attempt = 0
        quietly(_answered, span, response)
        return response


def _start(request: ClientRequest, attempt: int) -> Span:
    """Client row of this attempt, begun, its headers written."""
    span = guarded(_row, request, attempt)
    for name, value in outgoing.headers(span, request.url.host or ""):
        request.headers[name] = value
    span.begin()
    return span


def _answered(span: Span, response: ClientResponse) -> None:
    """Note the answer, and let the end of its body end the row."""
    http_client.answered(span, response.status, response.headers)
    if response.status == 101:
        span.finish()  # a websocket from here on
    else:
        setattr(response, _SPAN, span)
        response.content.on_eof(functools.partial(quietly, span.finish))


def _row(request: ClientRequest, attempt: int) -> Span:
    url = request.url
    span = http_client.start(request.method, str(url), url.host or "", url.port)
    if span.recording:
        span.set_attempt(attempt)
    return span


def _ended(original: Any) -> Any:
    @functools.wraps(original)
    def end(self: ClientResponse) -> Any:
        """The body was read to its end, or reading it failed, or it will not be read."""
        span: Span | None = getattr(self, _SPAN, None)
        if span is not None:
            quietly(span.finish, self.content.exception())
        return original(self)

    return end
