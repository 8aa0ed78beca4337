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

from hopline.context import Active
from hopline.hooks import http_client, outgoing
from hopline.hooks.guard import guarded, quietly
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
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
        _patches.wrap(HTTPConnectionPool, "_make_request", _request)
        _patches.wrap(HTTPResponse, "release_conn", _release)
        _patches.wrap(HTTPResponse, "close", _release)


def uninstall(user: str = "urllib3") -> None:
    """Put the originals back when the last user has gone."""
    _users.discard(user)
    if not _users:
        _patches.undo()


def _request(original: Any) -> Any:
    @functools.wraps(original)
    def make_request(self: HTTPConnectionPool, conn: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        span = guarded(_start, self, method, url, kwargs)
        if span is NOOP:
            return original(self, conn, method, url, *args, **kwargs)
        try:
            with Active(span):
                response = original(self, conn, method, url, *args, **kwargs)
        except BaseException as error:
            quietly(span.finish, error)
            raise
        quietly(_answered, span, response)
        return response

    return make_request


def _start(pool: HTTPConnectionPool, method: str, url: str, arguments: dict[str, Any]) -> Span:
    """Client row of this attempt, begun, its headers written into ``arguments``."""
    span = guarded(_row, pool, method, url, arguments.get("retries"))
    own: Mapping[str, str] = arguments.get("headers") or {}
    added = dict(outgoing.headers(span, pool.host))
    if added:
        # The caller's headers stay as they are: they may be those of a session.
        arguments["headers"] = {**{k: v for k, v in own.items() if k.lower() not in added}, **added}
    span.begin()
    return span


def _row(pool: HTTPConnectionPool, method: str, url: str, retries: Any) -> Span:
    span = http_client.start(method, _full_url(pool, url), pool.host, pool.port)
    if span.recording:
        span.set_attempt(attempt_number(retries))
    return span


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
            quietly(span.finish, error if isinstance(error, _BODY_ERRORS) else None)
        return original(self)

    return release
