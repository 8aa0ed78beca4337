"""The four explicit stages of a call, for protocols that no hook knows.

caller:  span = client_send("greet", headers, peer="greeter") ... client_recv(span)
callee:  span = server_recv("greet", headers)                 ... server_send(span)
"""

from collections.abc import MutableMapping

from hopline import tracer as tracing
from hopline.context import current
from hopline.noop import NOOP
from hopline.propagation import outbound
from hopline.propagation.inbound import Headers
from hopline.spans import Span


def client_send(
    name: str,
    headers: MutableMapping[str, str],
    *,
    peer: str = "",
    peer_kind: str = "service",
    kind: str = "client",
) -> Span:
    """Begin the caller's row and write its context into ``headers``.

    The row does not become the current span: answers may arrive in any order.
    Outside any trace it is the root of one.
    """
    span = tracing.call(name, kind=kind, peer=peer, peer_kind=peer_kind)
    span.begin()
    carrier = current.get() if span is NOOP else span
    if carrier is not None and carrier is not NOOP:
        headers.update(outbound.headers(carrier))
    return span


def client_recv(span: Span, error: BaseException | None = None) -> None:
    """End the caller's row: the answer is here, or ``error`` came in its place."""
    span.finish(error)


def server_recv(name: str, headers: Headers, *, kind: str = "server", peer: str = "", peer_kind: str = "") -> Span:
    """Begin the callee's row from what the caller wrote; it is the current span until it ends.

    A consumer names the topic as ``peer``, of kind ``mq``.
    """
    span = tracing.active().receive(name, headers, kind)
    if peer:
        span.peer, span.peer_kind = peer, peer_kind
    return span.__enter__()


def server_send(span: Span, error: BaseException | None = None) -> None:
    """End the callee's row: the answer is on its way, or ``error`` came in its place."""
    span.__exit__(None if error is None else type(error), error, None)
