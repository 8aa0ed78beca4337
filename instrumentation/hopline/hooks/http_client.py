"""What every outgoing HTTP hook notes about a call: names, tags, errors, the peer's true name."""

from collections.abc import Mapping
from typing import Final

from hopline.spans import Span
from hopline.tracer import call

SERVICE_HEADER: Final = "hopline-service"
TRACE_HEADER: Final = "hopline-trace-id"


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
    service = headers.get(SERVICE_HEADER)
    if service:
        span.peer, span.peer_kind = service[:256], "service"
