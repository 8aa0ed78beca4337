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
from hopline_collector.limits import KEY_BYTES

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
    grouped: dict[Endpoint, Batch] = {}
    timeless: list[WireRow] = []
    for index, span in spans:
        batch = grouped.get(span.local)
        if batch is None:
            batch = grouped[span.local] = Batch(_process(span.local), [], [])
        row = _row(span)
        if not row.start_us:
            timeless.append(row)
        batch.rows.append(row)
        assert batch.indexes is not None
        batch.indexes.append(index)
    if timeless:
        _date(timeless, grouped.values())
    return list(grouped.values())


def _process(local: Endpoint) -> dict[str, str]:
    service, address, port = local
    return {
        "service": service,
        "instance": f"{address}:{port}" if address and port else address,
        "host": address,
        FOREIGN_FACT: "1",
    }


def _row(span: Span) -> WireRow:
    kind, found, remote = span.kind, span.tags, span.remote
    shape = shape_of(found)
    failed = "error" in found
    text = found["error"] if failed else ""
    peer, peer_kind = mapping.peer(kind, found, shape, remote.service)
    uid = first(found, shape.user) if shape.user else ""
    kind_of_error = mapping.error_type(found, shape, text) if failed else ""
    attrs = mapping.split(found, shape)
    if remote.address or span.shared:
        attrs = _facts(span) | (attrs or {})
    return WireRow(
        span.trace_id,
        "",
        span.id,
        0 if span.parent_id == span.id else span.parent_id,
        kind,
        span.name,
        span.timestamp or min((at for at, _ in span.annotations), default=0),
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


def _facts(span: Span) -> dict[str, str]:
    """What Zipkin says of the far end and of sharing, and our model has no field for."""
    found = {}
    if span.remote.address:
        address, port = _ENDPOINT_ATTRS[span.kind]
        found[address] = span.remote.address
        if span.remote.port:
            found[port] = str(span.remote.port)
    if span.shared:
        found[SHARED_ATTR] = "true"
    return found


def _annotation(at: int, value: str) -> WireAnnotation:
    return (at, value, "") if len(value) * 4 <= KEY_BYTES or _fits(value) else (at, LONG_ANNOTATION_KEY, value)


def _fits(value: str) -> bool:
    return len(value.encode("utf-8", "replace")) <= KEY_BYTES


def _date(timeless: list[WireRow], found: Iterable[Batch]) -> None:
    """Give rows without any time the earliest one of their trace in the message."""
    earliest: dict[bytes, int] = {}
    for batch in found:
        for row in batch.rows:
            if row.start_us:
                earliest[row.trace_id] = min(row.start_us, earliest.get(row.trace_id, row.start_us))
    for row in timeless:
        row.start_us = earliest.get(row.trace_id, 0)
