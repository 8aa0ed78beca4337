"""httpx, sync and async: one client row per attempt, from the request to the end of the answer's body."""

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import httpx

from hopline.context import Active
from hopline.hooks import http_client, outgoing
from hopline.hooks.guard import guarded, quietly
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_ATTEMPT: Final = "_hopline_attempt"
_WRITTEN: Final = "hopline.written"
_TRANSPORTS: Final = (
    httpx.HTTPTransport, httpx.AsyncHTTPTransport, httpx.WSGITransport, httpx.ASGITransport, httpx.MockTransport,
)  # fmt: skip

_patches = Patches()


def install() -> None:
    """Patch the transports that httpx brings; further calls change nothing."""
    if not _patches.applied:
        for transport in _TRANSPORTS:
            _patches.wrap(transport, "handle_request", _sync)
            _patches.wrap(transport, "handle_async_request", _async)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _sync(original: Any) -> Any:
    @functools.wraps(original)
    def handle_request(self: Any, request: httpx.Request) -> httpx.Response:
        span = guarded(_start, request)
        if span is NOOP:
            response: httpx.Response = original(self, request)
            return response
        try:
            with Active(span):
                response = original(self, request)
        except BaseException as error:
            quietly(span.finish, error)
            raise
        quietly(_answered, span, response)
        return response

    return handle_request


def _async(original: Any) -> Any:
    @functools.wraps(original)
    async def handle_async_request(self: Any, request: httpx.Request) -> httpx.Response:
        span = guarded(_start, request)
        if span is NOOP:
            response: httpx.Response = await original(self, request)
            return response
        try:
            with Active(span):
                response = await original(self, request)
        except BaseException as error:
            quietly(span.finish, error)
            raise
        quietly(_answered, span, response)
        return response

    return handle_async_request


def _start(request: httpx.Request) -> Span:
    """Client row of this attempt, begun, its headers written; inside another call, that call's headers."""
    url = request.url
    span = guarded(http_client.start, request.method, str(url), url.host, url.port)
    attempt: int = getattr(request, _ATTEMPT, 0)
    setattr(request, _ATTEMPT, attempt + 1)
    if span.recording and attempt:
        span.set_attempt(attempt)
    _write_headers(request, outgoing.headers(span, url.host))
    span.begin()
    return span


def _write_headers(request: httpx.Request, headers: list[tuple[str, str]]) -> None:
    """Replace what an earlier attempt wrote: a redirect's request is made from the headers of the one before it."""
    for name, value in request.extensions.get(_WRITTEN, ()):
        if request.headers.get(name) == value:
            del request.headers[name]
    for name, value in headers:
        request.headers[name] = value
    request.extensions = {**request.extensions, _WRITTEN: headers}


def _answered(span: Span, response: httpx.Response) -> None:
    """Note the answer, and let the end of its body end the row."""
    http_client.answered(span, response.status_code, response.headers)
    if isinstance(response.stream, httpx.AsyncByteStream) and not isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _AsyncStream(response.stream, span)
    elif isinstance(response.stream, httpx.SyncByteStream) and not isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _SyncStream(response.stream, span)
    else:
        span.finish()  # the whole body is here already


class _SyncStream(httpx.SyncByteStream):
    """The body; its end or its failure ends the row."""

    def __init__(self, stream: httpx.SyncByteStream, span: Span) -> None:
        self._stream = stream
        self._span = span

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except BaseException as error:
            quietly(self._span.finish, error)
            raise
        quietly(self._span.finish)

    def close(self) -> None:
        quietly(self._span.finish)
        self._stream.close()


class _AsyncStream(httpx.AsyncByteStream):
    """The body; its end or its failure ends the row."""

    def __init__(self, stream: httpx.AsyncByteStream, span: Span) -> None:
        self._stream = stream
        self._span = span

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except BaseException as error:
            quietly(self._span.finish, error)
            raise
        quietly(self._span.finish)

    async def aclose(self) -> None:
        quietly(self._span.finish)
        await self._stream.aclose()
