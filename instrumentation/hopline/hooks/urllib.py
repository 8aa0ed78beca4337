"""``urllib.request``: one client row per hop, from the request to the end of the answer's body."""

import functools
import http.client
import sys
from typing import Any, Final
from urllib.request import AbstractHTTPHandler, Request

from hopline.hooks import http_client
from hopline.hooks.around import around
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.spans import Span

_SPAN: Final = "_hopline_span"
_ATTEMPT: Final = "_hopline_attempt"
_BODY_ERRORS: Final = (http.client.HTTPException, OSError)
"""What the library is handling when it gives up on a body; any other exception is the application's own."""

_patches = Patches()


def install() -> None:
    """Patch the HTTP handlers below redirects; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(AbstractHTTPHandler, "do_open", around(_start, _answered))
        for name in ("read", "read1", "readinto", "readline", "peek"):
            _patches.wrap(http.client.HTTPResponse, name, _read)
        _patches.wrap(http.client.HTTPResponse, "_close_conn", _closed)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _start(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    """Client row of this hop, begun, its headers written."""
    request: Request = args[2]
    attempt: int = getattr(request, _ATTEMPT, 0)
    setattr(request, _ATTEMPT, attempt + 1)  # the same request opened again is its next attempt

    def write(headers: list[tuple[str, str]]) -> None:
        for name, value in headers:
            request.add_unredirected_header(name.capitalize(), value)

    return http_client.begin(request.get_method(), request.full_url, write, attempt)


def _answered(span: Span, response: http.client.HTTPResponse) -> None:
    """Note the answer, and let the end of its body end the row."""
    http_client.answered(span, response.status, response.headers)  # type: ignore[arg-type]  # it has get()
    if response.isclosed():
        span.finish()  # there is no body
    else:
        setattr(response, _SPAN, span)


def _read(original: Any) -> Any:
    @functools.wraps(original)
    def read(self: http.client.HTTPResponse, *args: Any, **kwargs: Any) -> Any:
        """A body that fails half-way, by a time-out say, fails the row."""
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            safely(_end, self, error)
            raise

    return read


def _closed(original: Any) -> Any:
    @functools.wraps(original)
    def close_conn(self: http.client.HTTPResponse) -> None:
        """The body was read to its end, or reading it failed, or it will not be read."""
        error = sys.exc_info()[1]
        safely(_end, self, error if isinstance(error, _BODY_ERRORS) else None)
        original(self)

    return close_conn


def _end(response: http.client.HTTPResponse, error: BaseException | None) -> None:
    span: Span | None = getattr(response, _SPAN, None)
    if span is not None:
        span.finish(error)
