"""The calling side of HTTP, judged in one place for every library: names, tags, headers, errors, the far end."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from hopline.hooks import outgoing
from hopline.hooks.guard import span_or_noop
from hopline.hooks.server import SERVICE_HEADER
from hopline.spans import Span
from hopline.tracer import call

MAX_SERVICE: Final = 256


def begin(method: str, url: str, write: Callable[[list[tuple[str, str]]], object], attempt: int = 0) -> Span:
    """Begin the client row of one attempt at ``url``, and ``write`` the headers that it carries.

    Trust is judged by the host of ``url``, the call's target, never by a proxy on the way.
    Inside another call the no-op, and ``write`` gets that call's headers.
    """
    host, port = target(url)
    span = span_or_noop(start, method, url, host, port)
    if attempt and span.recording:
        span.set_attempt(attempt)
    write(outgoing.headers(span, host))
    span.begin()
    return span


def start(method: str, url: str, host: str, port: int | None) -> Span:
    """Client row of one HTTP attempt, not yet begun; ``url`` without credentials or query is kept.

    The peer is an address of no kind until the far end names itself (:func:`answered`):
    the store then looks for the server row of the call.

    Without a template the method alone is the name, as OpenTelemetry has it: an
    address would make an operation of every process of the peer.
    """
    span = call(method, peer=f"{host}:{port}" if port else host, peer_kind="")
    if span.recording:
        span.tag("http.request.method", method)
        span.tag("server.address", host)
        span.attr("url.full", bare_url(url))
    return span


@lru_cache(maxsize=1_024)
def _target(origin: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(origin)
        return parts.hostname or "", parts.port
    except ValueError:  # a port that is none; the library will say so itself
        return origin.partition("://")[2], None


def target(url: str) -> tuple[str, int | None]:
    """Host and port of the far end, the port only where ``url`` names one."""
    scheme, separator, rest = url.partition("://")
    return _target(f"{scheme}{separator}{rest.partition('/')[0].partition('?')[0].partition('#')[0]}")


def bare_url(url: str) -> str:
    """``url`` without user info and query, both of which may hold secrets."""
    scheme, separator, rest = url.partition("://")
    rest = rest.split("?", 1)[0].split("#", 1)[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def answered(span: Span, status: int, headers: Mapping[str, str]) -> None:
    """Note the answer: 4xx and 5xx are errors of the client row."""
    span.tag("http.response.status_code", str(status))
    if status >= 400:
        span.fail(str(status))
    name_peer(span, headers.get(SERVICE_HEADER))


def name_peer(span: Span, service: str | None) -> None:
    """The far end has named itself."""
    if service:
        if not service.isascii():  # header values come as Latin-1, names travel as UTF-8
            service = service.encode("latin-1", "replace").decode("utf-8", "replace")
        span.peer, span.peer_kind = service[:MAX_SERVICE], "service"
