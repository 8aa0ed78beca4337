"""The headers of an outgoing call, for hooks of any protocol."""

from collections.abc import Sequence
from typing import Final

from hopline import tracer as tracing
from hopline.context import current
from hopline.hooks.guard import note
from hopline.noop import NOOP
from hopline.propagation import outbound
from hopline.spans import Span

NAMES: Final = (
    "traceparent", "tracestate", "baggage", "b3",
    "X-B3-TraceId", "X-B3-SpanId", "X-B3-Sampled", "X-B3-Flags", "X-B3-ParentSpanId",
)  # fmt: skip
"""All that carries a context, as we or others write it."""


def headers(span: Span, host: str | None = None) -> list[tuple[str, str]]:
    """Headers that the call of ``span`` carries; empty outside any trace.

    The no-op stands for a call inside another call, which carries that call's
    headers, or for a call of an unsampled trace, which carries its ids. Baggage
    goes only to a trusted ``host``.
    """
    carrier = current.get() if span is NOOP else span
    if carrier is None or carrier is NOOP:
        return []
    try:
        return outbound.headers(carrier, host)
    except Exception as error:
        note(error)
        return []


def least_trusted(hosts: Sequence[str]) -> str | None:
    """Of several hosts, any of which may get the call, the one that decides on baggage; ``None`` of none."""
    rules = tracing.active().config.trusted_hosts
    strangers = (host for host in hosts if not outbound.is_trusted(host, rules))
    return next(strangers, hosts[0] if hosts else None)
