"""The headers that a call carries away from here."""

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

from hopline.model import CALL_KINDS, DEBUG, SAMPLED
from hopline.propagation import b3, traceparent, tracestate
from hopline.propagation.tracestate import Hop

if TYPE_CHECKING:
    from hopline.spans import Span


def headers(span: "Span", host: str | None = None) -> list[tuple[str, str]]:
    """Headers for a callee of ``span``.

    A client or producer row hands its own path on; any other row the next of its
    child numbers. Baggage goes only to a trusted ``host``, the ids to each that the
    settings allow; ``None`` is trusted.
    """
    tracer = span.entry.tracer
    hosts = tracer.config.trace_hosts
    if not tracer.enabled or (host is not None and "*" not in hosts and not is_trusted(host, hosts)):
        return []
    try:
        return _headers(span, host)
    except Exception:
        tracer.counts.add("client_errors")
        return []


def _headers(span: "Span", host: str | None) -> list[tuple[str, str]]:
    entry = span.entry
    config = entry.tracer.config
    path = span.span_id if span.kind in CALL_KINDS else _next_path(span)
    number = span.id_int
    operation = entry.operation if isinstance(entry.operation, str) else entry.operation()
    debug = bool(entry.flags & DEBUG)
    hop = Hop(number, path, entry.weight, config.service, config.zone, entry.tracer.instance, operation, debug)
    pairs = [
        ("traceparent", traceparent.write(entry.trace_id, number, entry.flags & SAMPLED | entry.random)),
        ("tracestate", tracestate.write(hop, entry.tracestate)),
    ]
    if config.b3:
        pairs += b3.write(config.b3, entry.trace_id, number, entry.flags)
    if host is None or is_trusted(host, config.trusted_hosts):
        text = entry.baggage_header(number)
        if text:
            pairs.append(("baggage", text))
    return pairs


def _next_path(span: "Span") -> str:
    row = span.numbering() or span
    # At the limit of depth the path is one too deep on purpose: the callee begins a new trace and links.
    return f"{row.span_id}.{(next(row.numbers, 0) if row.numbers is not None else 0) or 1}"


@lru_cache(maxsize=1024)
def is_trusted(host: str, rules: tuple[str, ...]) -> bool:
    """Whether baggage may go to ``host`` (a name or an address, a port is ignored)."""
    name = host.rsplit("@", 1)[-1].strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.rpartition(":")[0] or name
    if "*" in rules or name in rules:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return (
            ("single-label" in rules and bool(name) and "." not in name)
            or ("loopback" in rules and (name == "localhost" or name.endswith(".localhost")))
            or any(rule.startswith(".") and name.endswith(rule) for rule in rules)
        )
    return ("loopback" in rules and address.is_loopback) or (
        "private" in rules and address.is_private and not address.is_loopback
    )
