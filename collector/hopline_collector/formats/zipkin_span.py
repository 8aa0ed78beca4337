"""One Zipkin span, from whichever encoding, to a row.

The model is that of https://zipkin.io/zipkin-api/zipkin2-api.yaml. Where input is odd
we do what a Zipkin server does: ids are padded, zero and negative times count as absent,
a span is no parent of itself, and a tag ``error`` is the failure, whatever its value.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from hopline.model import DEBUG, SAMPLED, WEIGHT_ONE
from hopline_collector.block.limits import KEY_BYTES
from hopline_collector.formats import mapping
from hopline_collector.formats.decoded import FLAG_ERROR, FOREIGN_FACT, Batch, WireAnnotation, WireRow
from hopline_collector.formats.mapping import (
    CLIENT,
    CONSUMER,
    LOCAL,
    PRODUCER,
    SERVER,
    SHARED_ATTR,
    BadSpanError,
)
from hopline_collector.formats.shapes import first, shape_of

LOCAL_ATTR: Final = "zipkin.local"
"""The endpoint of a span, in JSON, where service, instance and host do not tell it."""

REMOTE_ATTR: Final = "zipkin.remote"
"""The far end of a span, in JSON, where peer, caller and addresses do not tell it."""

REMOTE_TAG: Final = "zipkin.remote_service"
"""The far end's name in lower case, where peer and caller hold another: the broker beside the topic."""

NAMELESS_ATTR: Final = "zipkin.tag"
"""The value of a tag whose key is empty: our tags have names."""

LONG_ANNOTATION_KEY: Final = "message"
"""Stands as the key of an annotation too long to be one."""

_HEX: Final = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_ENDPOINT_ATTRS: Final = {
    SERVER: ("client.address", "client.port"),
    CONSUMER: ("network.peer.address", "network.peer.port"),
    CLIENT: ("network.peer.address", "network.peer.port"),
    PRODUCER: ("network.peer.address", "network.peer.port"),
    LOCAL: ("network.peer.address", "network.peer.port"),
}


class Endpoint(NamedTuple):
    """Where a span was recorded, or the far end it names."""

    service: str = ""
    address: str = ""
    port: int = 0
    ipv6: str = ""
    """Beside an IPv4 address, which then is ``address``."""


NOWHERE: Final = Endpoint()


class Span(msgspec.Struct, gc=False):
    """What every encoding of Zipkin says of a span. Times are microseconds, 0 = absent."""

    trace_id: bytes
    id: int
    parent_id: int
    kind: int
    name: str
    timestamp: int
    duration: int
    local: Endpoint
    remote: Endpoint
    annotations: list[tuple[int, str]]
    tags: dict[str, str]
    debug: bool = False
    shared: bool = False


def trace_id_bytes(text: str) -> bytes:
    """16 bytes of a trace id of 1 to 32 hex digits, padded on the left. Raises :class:`BadSpanError`."""
    if len(text) == 32 or len(text) == 16:
        try:
            found = bytes.fromhex(text)
        except ValueError:
            found = b""
        if len(found) * 2 == len(text) and any(found):
            return found.rjust(16, b"\0")
    return _padded("traceId", text, 32)


def id_number(name: str, text: str) -> int:
    """The number of an id of 1 to 16 hex digits. Raises :class:`BadSpanError`."""
    if len(text) == 16:
        try:
            found = bytes.fromhex(text)
        except ValueError:
            found = b""
        if len(found) == 8 and any(found):
            return int.from_bytes(found, "big")
    return int.from_bytes(_padded(name, text, 16), "big")


def _padded(name: str, text: str, digits: int) -> bytes:
    if not text:
        raise BadSpanError("bad_id", f"{name} is empty")
    if len(text) > digits:
        raise BadSpanError("bad_id", f"{name}.length > {digits}")
    if not _HEX.fullmatch(text):
        raise BadSpanError("bad_id", f"{text} should be lower-hex encoded with no prefix")
    found = bytes.fromhex(text.rjust(digits, "0"))
    if not any(found):
        raise BadSpanError("bad_id", f"{name} is all zeros")
    return found


def batches(spans: Iterable[tuple[int, Span]]) -> list[Batch]:
    """Rows of ``(index, span)`` pairs, grouped by where they were recorded."""
    grouped: dict[Endpoint, tuple[Batch, str]] = {}
    for index, span in spans:
        found = grouped.get(span.local)
        if found is None:
            found = grouped[span.local] = Batch(_process(span.local), [], []), _local(span.local)
        batch, local = found
        batch.rows.append(_row(span, local))
        assert batch.indexes is not None
        batch.indexes.append(index)
    return [batch for batch, _ in grouped.values()]


def _local(local: Endpoint) -> str:
    """The endpoint as JSON where the facts of a process do not tell it, else ``""``."""
    told = local.service and not local.ipv6 and (local.address or not local.port)
    return "" if told else endpoint_json(local)


def endpoint_json(found: Endpoint) -> str:
    """An endpoint as Zipkin writes it, in JSON."""
    names = ("serviceName", "ipv4" if ":" not in found.address else "ipv6", "port", "ipv6")
    values = (found.service.lower(), found.address, found.port, found.ipv6)
    return msgspec.json.encode({n: v for n, v in zip(names, values, strict=True) if v}).decode("utf-8", "replace")


def _process(local: Endpoint) -> dict[str, str]:
    service, address, port, _ = local
    return {
        "service": service,
        "instance": f"{address}:{port}" if address and port else address,
        "host": address,
        FOREIGN_FACT: "1",
    }


def _row(span: Span, local: str = "") -> WireRow:
    kind, found, remote = span.kind, span.tags, span.remote
    shape = shape_of(found)
    failed = "error" in found and found["error"].lower() != "false"
    text = found["error"] if failed else ""
    if not failed and shape.status:
        failed = mapping.http_failed(kind, found, shape)
    peer, peer_kind = mapping.peer(kind, found, shape, remote.service)
    uid = first(found, shape.user) if shape.user else ""
    kind_of_error = mapping.error_type(found, shape, text) if failed else ""
    attrs = mapping.split(found, shape)
    if shape.nameless:
        attrs = {**(attrs or {}), NAMELESS_ATTR: found.pop("")}
    named = remote.service if kind == SERVER else peer if peer_kind else ""
    if named is not remote.service or remote.address or remote.port or span.shared or local:
        attrs = _facts(span, found, named, attrs or {})
        if local:
            attrs[LOCAL_ATTR] = local
    return WireRow(
        span.trace_id,
        "",
        span.id,
        0 if span.parent_id == span.id else span.parent_id,
        kind,
        span.name,
        span.timestamp,
        span.duration or None,
        found,
        0,
        SAMPLED | (DEBUG if span.debug else 0) | (FLAG_ERROR if failed else 0),
        uid,
        [remote.service, "", "", ""] if kind == SERVER and remote.service else None,
        peer,
        peer_kind,
        WEIGHT_ONE,
        kind_of_error,
        "" if text == "true" else text,
        [_annotation(at, value) for at, value in span.annotations] if span.annotations else None,
        attrs,
        None,
        0,
    )


def _facts(span: Span, tags: dict[str, str], named: str, attrs: dict[str, str]) -> dict[str, str]:
    """``attrs`` with what Zipkin says of the far end and of sharing, and our model has no field for.

    ``named`` is the far end's name as the row's fields tell it. Where they tell another one, or
    the address does not fit, the far end stands in a tag (its name) and an attr (all of it).
    """
    remote = span.remote
    address, port = _ENDPOINT_ATTRS[span.kind]
    told = named.lower() == remote.service.lower()
    apart = address in tags or address in attrs or port in tags or port in attrs
    if not told or remote.ipv6 or (remote.port and not remote.address) or (apart and remote != NOWHERE):
        attrs[REMOTE_ATTR] = endpoint_json(remote)
        if remote.service and not told:
            tags[REMOTE_TAG] = remote.service.lower()
    elif apart:
        attrs[REMOTE_ATTR] = endpoint_json(remote)
    elif remote.address:
        attrs[address] = remote.address
        if remote.port:
            attrs[port] = str(remote.port)
    if span.shared:
        attrs[SHARED_ATTR] = "true"
    return attrs


def _annotation(at: int, value: str) -> WireAnnotation:
    return (at, value, "") if len(value) * 4 <= KEY_BYTES or _fits(value) else (at, LONG_ANNOTATION_KEY, value)


def _fits(value: str) -> bool:
    return len(value.encode("utf-8", "replace")) <= KEY_BYTES
