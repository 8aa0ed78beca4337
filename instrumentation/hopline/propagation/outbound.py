"""The headers that a call carries away from here."""

from functools import lru_cache
from typing import Any, Final

from hopline.propagation import b3, traceparent, tracestate
from hopline.propagation.tracestate import Hop
from hopline.spans import Span, next_number
from hopline.vocabulary import CALL_KINDS, DEBUG, SAMPLED

_PRIVATE: Final = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10",
)  # fmt: skip


def headers(span: Span, host: str | None = None) -> list[tuple[str, str]]:
    """Headers for a callee of ``span``.

    A client or producer row hands its own path on; any other row the next of its
    child numbers. Baggage goes only to a trusted ``host``, the ids to each that the
    settings allow; ``None`` is trusted.
    """
    process = span.entry.process
    hosts = process.config.trace_hosts
    if not process.enabled or (host is not None and "*" not in hosts and not is_trusted(host, hosts)):
        return []
    try:
        return _headers(span, host)
    except Exception:
        process.counts.add("client_errors")
        return []


def _headers(span: Span, host: str | None) -> list[tuple[str, str]]:
    entry = span.entry
    config = entry.process.config
    path = span.span_id if span.kind in CALL_KINDS else _next_path(span)
    number = span.id_int
    operation = entry.operation if isinstance(entry.operation, str) else entry.operation()
    debug = bool(entry.flags & DEBUG)
    hop = Hop(number, path, entry.weight, config.service, config.zone, entry.process.instance, operation, debug)
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


def _next_path(span: Span) -> str:
    row = span.numbering() or span
    # At the limit of depth the path is one too deep on purpose: the callee begins a new trace and links.
    return f"{row.span_id}.{next_number(row) or 1}"


@lru_cache(maxsize=1024)
def is_trusted(host: str, rules: tuple[str, ...]) -> bool:
    """Whether baggage may go to ``host`` (a name or an address, a port is ignored)."""
    name = host.rsplit("@", 1)[-1].strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.rpartition(":")[0] or name
    if "*" in rules or name in rules:
        return True
    import ipaddress

    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return (
            ("single-label" in rules and bool(name) and "." not in name)
            or ("loopback" in rules and (name == "localhost" or name.endswith(".localhost")))
            or any(rule.startswith(".") and name.endswith(rule) for rule in rules)
        )
    return ("loopback" in rules and address.is_loopback) or any(address in network for network in _networks(rules))


@lru_cache(maxsize=16)
def _networks(rules: tuple[str, ...]) -> list[Any]:
    """Those that ``rules`` name; ``private`` stands for :data:`_PRIVATE`."""
    import ipaddress

    named = [rule for rule in rules if "/" in rule]
    return [ipaddress.ip_network(text, strict=False) for text in (*named, *(_PRIVATE if "private" in rules else ()))]
