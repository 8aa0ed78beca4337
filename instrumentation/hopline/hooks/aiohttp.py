"""aiohttp's client: one client row per attempt, from the request to the end of the answer's body.

Uses aiohttp's client middleware (3.12 and later), as the innermost one of every
request, so that redirects and the retries of other middleware each get a row.
"""

import asyncio
import functools
import sys
from typing import Any, Final

from aiohttp import ClientError, ClientHandlerType, ClientRequest, ClientResponse, ClientSession

from hopline.hooks import http_client
from hopline.hooks.around import around_async
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.spans import Span

_SPAN: Final = "_hopline_span"
_BODY_ERRORS: Final = (ClientError, OSError, asyncio.CancelledError)
"""What ends the reading of a body half-way; any other exception is the application's own."""
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
        ours = _Middleware()
        kwargs["middlewares"] = (*given, ours)
        try:
            response: ClientResponse = await original(self, *args, **kwargs)
        except BaseException as error:
            safely(ours.settle, error)
            raise
        return response

    return request


class _Middleware:
    """Traces the attempts of one request of the application.

    The session's own time-out cancels what runs below it, and turns that into a time-out above all middleware: the row
    of a cancelled attempt waits until it is known what the application hears.
    """

    __slots__ = ("_attempt", "_cancelled")

    def __init__(self) -> None:
        self._attempt = 0
        self._cancelled: tuple[Span, BaseException] | None = None

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        safely(self.settle)
        attempt, self._attempt = self._attempt, self._attempt + 1
        call = around_async(functools.partial(_start, attempt), _answered, self._failed)(handler)
        response: ClientResponse = await call(request)
        if response.status in _REDIRECTS:
            self._attempt = 0
        return response

    def _failed(self, span: Span, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._cancelled = span, error
        else:
            span.finish(error)

    def settle(self, heard: BaseException | None = None) -> None:
        """End the row of a cancelled attempt: as the time-out that the application has ``heard`` of, or as given up."""
        if self._cancelled is not None:
            (span, error), self._cancelled = self._cancelled, None
            span.finish(heard if isinstance(heard, TimeoutError) else error)


def _start(attempt: int, args: list[Any], _kwargs: dict[str, Any]) -> Span:
    """Client row of this attempt, begun, its headers written."""
    request: ClientRequest = args[0]
    return http_client.begin(request.method, str(request.url), functools.partial(_write, request), attempt)


def _write(request: ClientRequest, headers: list[tuple[str, str]]) -> None:
    for name, value in headers:
        request.headers[name] = value


def _answered(span: Span, response: ClientResponse) -> None:
    """Note the answer, and let the end of its body end the row."""
    http_client.answered(span, response.status, response.headers)
    if response.status == 101:
        span.finish()  # a websocket from here on
    else:
        setattr(response, _SPAN, span)
        response.content.on_eof(functools.partial(safely, span.finish))


def _ended(original: Any) -> Any:
    @functools.wraps(original)
    def end(self: ClientResponse) -> Any:
        """The body was read to its end, or reading it failed, or it will not be read."""
        span: Span | None = getattr(self, _SPAN, None)
        if span is not None:
            safely(_end, self, span)
        return original(self)

    return end


def _end(response: ClientResponse, span: Span) -> None:
    error = response.content.exception() or sys.exc_info()[1]
    span.finish(error if isinstance(error, _BODY_ERRORS) else None)
