"""Rows as Zipkin v2 spans (https://zipkin.io/zipkin-api/zipkin2-api.yaml)."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import msgspec

from hopline.model import DEBUG, Row
from hopline_query.exports.sent import STRUCTURE, as_sent
from hopline_query.topology.brokers import REMOTE_ATTR, REMOTE_TAG
from hopline_query.tree.marks import CUT

Span = dict[str, Any]

FACTS = {"server": ("client.address", "client.port")}
"""Attrs in which the collector keeps the far end's address, by kind."""
OTHER_FACTS = ("network.peer.address", "network.peer.port")
SHARED = "zipkin.shared"
LOCAL, NAMELESS = "zipkin.local", "zipkin.tag"
"""What the collector keeps of a Zipkin span and our fields do not tell (docs/inputs.md)."""
STATUSES = ("http.status_code", "http.response.status_code")
LONG_KEY = "message"
"""Key under which the collector keeps an annotation that is too long for one."""


def spans(rows: Iterable[Row]) -> list[Span]:
    """Zipkin spans of rows, in their order."""
    return [span(row) for row in rows]


def span(row: Row) -> Span:
    """One row as a span. Names are lower case, as a Zipkin server stores them.

    What the collector made up, corrected or marked stays here: the span is the one that was sent.
    """
    found: Span = {"traceId": trace_id(row.trace_id), "id": row.id}
    if row.parent_id:
        found["parentId"] = row.parent_id
    if row.kind != "local":
        found["kind"] = row.kind.upper()
    row = as_sent(row)
    attrs, tags = dict(row.attrs), dict(row.tags)
    tags.pop(CUT, "")
    if row.name:
        found["name"] = row.name.lower()
    if row.start_us:
        found["timestamp"] = row.start_us
    if row.duration_us is not None and row.duration_us >= 0:
        found["duration"] = max(row.duration_us, 1)
    told_local = attrs.pop(LOCAL, "")
    local = _told(told_local) if told_local else _local(row)
    if local:
        found["localEndpoint"] = local
    tags.pop(REMOTE_TAG, None)
    told = attrs.pop(REMOTE_ATTR, "")
    remote = _told(told) if told else _remote(row, attrs)
    if remote:
        found["remoteEndpoint"] = remote
    shared = attrs.pop(SHARED, "") == "true"
    if row.annotations:
        found["annotations"] = [
            {"timestamp": ts, "value": annotation(key, value)} for ts, key, value in row.annotations
        ]
    if NAMELESS in attrs:
        tags[""] = attrs.pop(NAMELESS)
    tags = _tags(row, attrs, tags)
    if tags:
        found["tags"] = tags
    if row.flags & DEBUG:
        found["debug"] = True
    if shared:
        found["shared"] = True
    return found


def _told(text: str) -> dict[str, Any]:
    """An endpoint that the collector kept as it came."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except msgspec.MsgspecError:
        return {}


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


def _tags(row: Row, attrs: dict[str, str], tags: dict[str, str]) -> dict[str, str]:
    tags = {key: value for key, value in (attrs | tags).items() if key not in STRUCTURE}
    if row.error and "error" not in tags and not _by_status(row, tags):
        tags["error"] = row.error_text or row.error_type or "true"
    if row.uid and "user.id" not in tags and "enduser.id" not in tags:
        tags["user.id"] = row.uid
    if row.span_id and row.span_id[0] in "0~":
        tags["hopline.span_id"] = row.span_id
    return tags


def _by_status(row: Row, tags: dict[str, str]) -> bool:
    """Whether only the HTTP status of a Zipkin span says that it failed."""
    return not row.span_id and row.error_type in {tags.get(key) for key in STATUSES} and not row.error_text
