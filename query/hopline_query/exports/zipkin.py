"""Rows as Zipkin v2 spans (https://zipkin.io/zipkin-api/zipkin2-api.yaml)."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from hopline.model import DEBUG, Row

Span = dict[str, Any]

FACTS = {"server": ("client.address", "client.port")}
"""Attrs in which the collector keeps the far end's address, by kind."""
OTHER_FACTS = ("network.peer.address", "network.peer.port")
SHARED = "zipkin.shared"
LONG_KEY = "message"
"""Key under which the collector keeps an annotation that is too long for one."""


def spans(rows: Iterable[Row]) -> list[Span]:
    """Zipkin spans of rows, in their order."""
    return [span(row) for row in rows]


def span(row: Row) -> Span:
    """One row as a span. Names are lower case, as a Zipkin server stores them."""
    found: Span = {"traceId": trace_id(row.trace_id), "id": row.id}
    if row.parent_id:
        found["parentId"] = row.parent_id
    if row.kind != "local":
        found["kind"] = row.kind.upper()
    if row.name:
        found["name"] = row.name.lower()
    found["timestamp"] = row.start_us
    if row.duration_us is not None:
        found["duration"] = max(row.duration_us, 1)
    found["localEndpoint"] = _local(row)
    attrs = dict(row.attrs)
    remote = _remote(row, attrs)
    if remote:
        found["remoteEndpoint"] = remote
    shared = attrs.pop(SHARED, "") == "true"
    if row.annotations:
        found["annotations"] = [
            {"timestamp": ts, "value": annotation(key, value)} for ts, key, value in row.annotations
        ]
    tags = _tags(row, attrs)
    if tags:
        found["tags"] = tags
    if row.flags & DEBUG:
        found["debug"] = True
    if shared:
        found["shared"] = True
    return found


def trace_id(text: str) -> str:
    """16 digits where the upper half is zero, as Zipkin writes 64-bit ids."""
    return text[16:] if text.startswith("0" * 16) else text


def annotation(key: str, value: str) -> str:
    """One text of a key and a value."""
    if not value:
        return key
    return value if key == LONG_KEY else f"{key}={value}"


def endpoint(service: str, address: str, port: str) -> dict[str, Any]:
    """An endpoint; what is no address is left out."""
    found: dict[str, Any] = {}
    if service:
        found["serviceName"] = service.lower()
    with suppress(ValueError):
        found[f"ipv{ip_address(address).version}"] = address
    if port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536:
        found["port"] = int(port)
    return found


def _local(row: Row) -> dict[str, Any]:
    # Of our own processes the tail of the instance is a pid; of Zipkin's endpoints it is a port.
    host, _, tail = row.instance.rpartition(":")
    found = endpoint(row.service, row.host, "")
    if len(found) > bool(row.service) and host == row.host:
        found |= endpoint("", "", tail)
    return found


def _remote(row: Row, attrs: dict[str, str]) -> dict[str, Any]:
    address, port = FACTS.get(row.kind, OTHER_FACTS)
    # A peer without a kind is an address that was read from tags: no name that the tracer gave to the far end.
    named = row.peer if row.peer_kind else ""
    far = row.caller_service if row.kind == "server" else named
    return endpoint(far, attrs.pop(address, ""), attrs.pop(port, ""))


def _tags(row: Row, attrs: dict[str, str]) -> dict[str, str]:
    tags = {**attrs, **row.tags}
    if row.error and "error" not in tags:
        tags["error"] = row.error_text or row.error_type or "true"
    if row.uid and "user.id" not in tags and "enduser.id" not in tags:
        tags["user.id"] = row.uid
    if row.span_id and row.span_id[0] in "0~":
        tags["hopline.span_id"] = row.span_id
    return tags
