"""``urllib.request``: one client row per hop, from the request to the end of the answer's body."""

import functools
import http.client
import urllib.parse
import urllib.request
from typing import Any, Final

from hopline.context import Active
from hopline.hooks import http_client, outgoing
from hopline.hooks.guard import guarded, quietly
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_SPAN: Final = "_hopline_span"
_ATTEMPT: Final = "_hopline_attempt"

_patches = Patches()


def install() -> None:
    """Patch the HTTP handlers below redirects; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(urllib.request.AbstractHTTPHandler, "do_open", _open)
        _patches.wrap(http.client.HTTPResponse, "_close_conn", _closed)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _open(original: Any) -> Any:
    @functools.wraps(original)
    def do_open(self: Any, http_class: Any, req: urllib.request.Request, **arguments: Any) -> Any:
        span = guarded(_start, req)
        if span is NOOP:
            return original(self, http_class, req, **arguments)
        try:
            with Active(span):
                response = original(self, http_class, req, **arguments)
        except BaseException as error:
            quietly(span.finish, error)
            raise
        quietly(_answered, span, response)
        return response

    return do_open


def _address(request: urllib.request.Request) -> tuple[str, int]:
    try:
        parts = urllib.parse.urlsplit(f"//{request.host}")
        return parts.hostname or "", parts.port or (443 if request.type == "https" else 80)
    except ValueError:
        return request.host, 0  # a port that is none; urllib will say so itself


def _start(request: urllib.request.Request) -> Span:
    """Client row of this hop, begun, its headers written."""
    host, port = _address(request)
    span = guarded(_row, request, host, port)
    for name, value in outgoing.headers(span, host):
        request.add_unredirected_header(name.capitalize(), value)
    span.begin()
    return span


def _answered(span: Span, response: http.client.HTTPResponse) -> None:
    """Note the answer, and let the end of its body end the row."""
    http_client.answered(span, response.status, response.headers)  # type: ignore[arg-type]  # it has get()
    if response.isclosed():
        span.finish()  # there is no body
    else:
        setattr(response, _SPAN, span)


def _row(request: urllib.request.Request, host: str, port: int) -> Span:
    span = http_client.start(request.get_method(), request.full_url, host, port)
    if span.recording:
        span.set_attempt(_next_attempt(request))
    return span


def _next_attempt(request: urllib.request.Request) -> int:
    """The same request opened again is its next attempt."""
    attempt: int = getattr(request, _ATTEMPT, 0)
    setattr(request, _ATTEMPT, attempt + 1)
    return attempt


def _closed(original: Any) -> Any:
    @functools.wraps(original)
    def close_conn(self: http.client.HTTPResponse) -> None:
        """The body was read to its end, or will not be."""
        span: Span | None = getattr(self, _SPAN, None)
        if span is not None:
            quietly(span.finish)
        original(self)

    return close_conn
