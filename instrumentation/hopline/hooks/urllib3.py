"""urllib3, and with it requests: one client row per attempt, from the request to the end of the answer's body.

The row is made around the exchange on one connection, below urllib3's own retries
and redirects, so that each of them is seen; waiting for a free connection of the
pool is not part of it.
"""

import functools
import http.client
import sys
from collections.abc import Mapping
from typing import Any, Final

import urllib3
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.response import HTTPResponse

from hopline.hooks import http_client
from hopline.hooks.around import around
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.spans import Span

_SPAN: Final = "_hopline_span"

_BODY_ERRORS: Final = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
"""What urllib3 is handling when it gives up on a body; any other exception is the application's own."""

_patches = Patches()
_users: set[str] = set()


def install(user: str = "urllib3") -> None:
    """Patch the connection pool for ``user``; further calls change nothing."""
    _users.add(user)
    if not _patches.applied:
        _patches.wrap(HTTPConnectionPool, "_make_request", around(_start, _answered))
        _patches.wrap(HTTPResponse, "release_conn", _release)
        _patches.wrap(HTTPResponse, "close", _release)


def uninstall(user: str = "urllib3") -> None:
    """Put the originals back when the last user has gone."""
    _users.discard(user)
    if not _users:
        _patches.undo()


def _start(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Client row of this attempt, begun, its headers written into ``kwargs``."""
    pool, _connection, method, url = args[:4]
    own: Mapping[str, str] = kwargs.get("headers") or {}

    def write(headers: list[tuple[str, str]]) -> None:
        if headers:
            # The caller's headers stay as they are: they may be those of a session.
            added = dict(headers)
            kwargs["headers"] = {**{k: v for k, v in own.items() if k.lower() not in added}, **added}

    return http_client.begin(method, _full_url(pool, url), write, attempt_number(kwargs.get("retries")))


def attempt_number(retries: Any) -> int:
    """How often this request was tried before: a redirect's target is a first attempt again."""
    number = 0
    for entry in reversed(retries.history if isinstance(retries, urllib3.Retry) else ()):
        if entry.redirect_location:
            break
        number += 1
    return number


def _full_url(pool: HTTPConnectionPool, url: str) -> str:
    if "://" in url:
        return url  # through a proxy the target is absolute already
    return f"{pool.scheme}://{pool.host}{f':{pool.port}' if pool.port else ''}{url}"


def _answered(span: Span, response: Any) -> None:
    """Note the answer, and let the end of its body end the row."""
    http_client.answered(span, response.status, response.headers)
    if response.closed or not isinstance(response, HTTPResponse):
        span.finish()  # the whole body is here already
    else:
        setattr(response, _SPAN, span)


def _release(original: Any) -> Any:
    @functools.wraps(original)
    def release(self: HTTPResponse) -> Any:
        """The body was read to its end, or reading it failed, or it will not be read."""
        span: Span | None = getattr(self, _SPAN, None)
        if span is not None:
            error = sys.exc_info()[1]
            safely(span.finish, error if isinstance(error, _BODY_ERRORS) else None)
        return original(self)

    return release
