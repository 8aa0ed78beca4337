"""httpx and its successor httpx2, sync and async: one client row per attempt, to the end of the answer's body."""

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from hopline.hooks import http_client
from hopline.hooks.around import around, around_async
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.spans import Span

_ATTEMPT: Final = "_hopline_attempt"
_WRITTEN: Final = "hopline.written"
_TRANSPORTS: Final = ("HTTPTransport", "AsyncHTTPTransport", "WSGITransport", "ASGITransport", "MockTransport")


class Hook:
    """The hook of one of the two libraries, which name their classes alike."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._patches = Patches()
        # The clients insist on streams of their own classes.
        self._sync_body: Any = type("_SyncBody", (_SyncBody, library.SyncByteStream), {})
        self._async_body: Any = type("_AsyncBody", (_AsyncBody, library.AsyncByteStream), {})

    def install(self) -> None:
        """Patch the transports that the library brings; further calls change nothing."""
        if self._patches.applied:
            return
        for name in _TRANSPORTS:
            transport = getattr(self._library, name)
            self._patches.wrap(transport, "handle_request", around(_start, self._answered))
            self._patches.wrap(transport, "handle_async_request", around_async(_start, self._answered))

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.undo()

    def _answered(self, span: Span, response: Any) -> None:
        """Note the answer, and let the end of its body end the row."""
        http_client.answered(span, response.status_code, response.headers)
        stream = response.stream
        is_sync = isinstance(stream, self._library.SyncByteStream)
        is_async = isinstance(stream, self._library.AsyncByteStream)
        if is_async and not is_sync:
            response.stream = self._async_body(stream, span)
        elif is_sync and not is_async:
            response.stream = self._sync_body(stream, span)
        else:
            span.finish()  # the whole body is here already


def _start(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Client row of this attempt, begun, its headers written; inside another call, that call's headers."""
    request = args[1] if len(args) > 1 else kwargs["request"]
    attempt: int = getattr(request, _ATTEMPT, 0)
    setattr(request, _ATTEMPT, attempt + 1)
    return http_client.begin(request.method, str(request.url), functools.partial(_write_headers, request), attempt)


def _write_headers(request: Any, headers: list[tuple[str, str]]) -> None:
    """Replace what an earlier attempt wrote: a redirect's request is made from the headers of the one before it."""
    for name, value in request.extensions.get(_WRITTEN, ()):
        if request.headers.get(name) == value:
            del request.headers[name]
    for name, value in headers:
        request.headers[name] = value
    request.extensions = {**request.extensions, _WRITTEN: headers}


class _SyncBody:
    """A body; its end or its failure ends the row."""

    def __init__(self, stream: Any, span: Span) -> None:
        self._stream = stream
        self._span = span

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except BaseException as error:
            safely(self._span.finish, error)
            raise
        safely(self._span.finish)

    def close(self) -> None:
        safely(self._span.finish)
        self._stream.close()


class _AsyncBody:
    """A body; its end or its failure ends the row."""

    def __init__(self, stream: Any, span: Span) -> None:
        self._stream = stream
        self._span = span

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except BaseException as error:
            safely(self._span.finish, error)
            raise
        safely(self._span.finish)

    async def aclose(self) -> None:
        safely(self._span.finish)
        await self._stream.aclose()
