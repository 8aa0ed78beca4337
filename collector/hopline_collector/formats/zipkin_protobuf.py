"""Zipkin v2 in protobuf: ``ListOfSpans`` of https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto."""

import ipaddress
from functools import lru_cache
from typing import Any, Final

from google.protobuf.message import DecodeError as ProtobufError

from hopline_collector.formats.decoded import Decoded, DecodeError, Refused
from hopline_collector.formats.mapping import CLIENT, CONSUMER, LOCAL, PRODUCER, SERVER, BadSpanError
from hopline_collector.formats.proto import message_classes
from hopline_collector.formats.zipkin_span import NOWHERE, Endpoint, Span, batches

_CLASSES: Final = message_classes(
    "hopline.zipkin",
    """
    ListOfSpans: repeated Span spans=1
    Span: bytes trace_id=1; bytes parent_id=2; bytes id=3; enum kind=4; string name=5; fixed64 timestamp=6; \
          uint64 duration=7; bytes local_endpoint=8; bytes remote_endpoint=9; repeated Annotation annotations=10; \
          repeated Tag tags=11; bool debug=12; bool shared=13
    Endpoint: string service_name=1; bytes ipv4=2; bytes ipv6=3; int32 port=4
    Annotation: fixed64 timestamp=1; string value=2
    Tag: string key=1; string value=2
    """,
)
_List, _Endpoint = _CLASSES["ListOfSpans"], _CLASSES["Endpoint"]
_KINDS: Final = (LOCAL, CLIENT, SERVER, PRODUCER, CONSUMER)
_TIME_MAX: Final = 2**63


def decode(body: bytes) -> Decoded:
    """Rows of a ``ListOfSpans``. Raises :class:`DecodeError` when it is none."""
    try:
        found = _List.FromString(body)
    except ProtobufError as error:
        raise DecodeError("malformed", "Expected a PROTO3 encoded list") from error
    if body and not found.spans:
        raise DecodeError("malformed", "Expected a PROTO3 encoded list")
    spans: list[tuple[int, Span]] = []
    refused: list[Refused] = []
    for index, span in enumerate(found.spans):
        try:
            spans.append((index, _span(span)))
        except (BadSpanError, ProtobufError) as error:
            reason = error.reason if isinstance(error, BadSpanError) else "malformed_span"
            raw = _List(spans=[span]).SerializeToString()
            refused.append(Refused(index, reason, f"{error} reading List<Span> from proto3, at [{index}]", raw))
    return Decoded(batches(spans), refused)


def _span(span: Any) -> Span:
    trace_id, own, parent = span.trace_id, span.id, span.parent_id
    missing = [name for name, value in (("traceId", trace_id), ("id", own)) if not value]
    if missing:
        raise BadSpanError("missing_id", f"Missing : {' '.join(missing)}")
    if len(trace_id) > 16 or not any(trace_id):
        raise BadSpanError("bad_id", f"traceId of {len(trace_id)} bytes, or all zeros")
    if len(own) > 8 or len(parent) > 8 or not any(own):
        raise BadSpanError("bad_id", "id or parentId of more than 8 bytes, or an id of all zeros")
    kind, local, remote = span.kind, span.local_endpoint, span.remote_endpoint
    return Span(
        trace_id.rjust(16, b"\0"),
        int.from_bytes(own, "big"),
        int.from_bytes(parent, "big"),
        _KINDS[kind] if 0 <= kind < len(_KINDS) else LOCAL,
        span.name,
        _time(span.timestamp),
        _time(span.duration),
        _endpoint(local) if local else NOWHERE,
        _endpoint(remote) if remote else NOWHERE,
        [(note.timestamp, note.value) for note in span.annotations],
        {tag.key: tag.value for tag in span.tags},
        span.debug,
        span.shared,
    )


def _time(value: int) -> int:
    return value if value < _TIME_MAX else 0


def _endpoint(raw: bytes) -> Endpoint:
    return _remembered(raw) if len(raw) <= 256 else _parsed(raw)


def _parsed(raw: bytes) -> Endpoint:
    found = _Endpoint.FromString(raw)
    known = [str(ipaddress.ip_address(packed)) for packed in (found.ipv4, found.ipv6) if len(packed) in (4, 16)]
    port = found.port if 0 < found.port <= 65_535 else 0
    return Endpoint(found.service_name, known[0] if known else "", port, known[1] if len(known) > 1 else "")


_remembered: Final = lru_cache(maxsize=4_096)(_parsed)
