"""OTLP in protobuf: ``ExportTraceServiceRequest``, read with the messages of opentelemetry-proto.

Attributes repeat from span to span, so they are read as bytes first and each distinct
one is taken apart once: ten attributes then cost less than one did.
"""

import base64
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as ProtobufError
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from hopline_collector.formats.decoded import Batch, Decoded, DecodeError, Refused
from hopline_collector.formats.mapping import SCAN_ONLY, BadSpanError, Process, text_of
from hopline_collector.formats.otlp_span import Scope, Span, wire_row

_FILES: Final = (common_pb2, resource_pb2, trace_pb2, trace_service_pb2)
_REQUEST: Final = "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest"
_KNOWN_BYTES: Final = 160
_KNOWN_MOST: Final = 65_536
_known: Final[dict[bytes, tuple[str, str]]] = {}
"""Attributes taken apart before: encoded -> (key, text). Bounded to about 20 MB."""


def _request_class() -> Any:
    """The request's class with every ``attributes`` field read as byte strings."""
    pool = descriptor_pool.DescriptorPool()
    for module in _FILES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            for holder in (message, *message.nested_type):
                for field in holder.field:
                    if field.name == "attributes":
                        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                        field.ClearField("type_name")
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(_REQUEST))


_Request: Final = _request_class()


def decode(body: bytes) -> Decoded:
    """Rows of an ``ExportTraceServiceRequest``. Raises :class:`DecodeError` when it is none."""
    try:
        request = _Request.FromString(body)
    except ProtobufError as error:
        raise DecodeError("malformed", "not an ExportTraceServiceRequest") from error
    decoded = Decoded()
    index = 0
    for resource_spans in request.resource_spans:
        try:
            process = Process(_attributes(resource_spans.resource.attributes))
        except ProtobufError:
            process = Process({})
        rows, indexes = [], []
        for scope_spans in resource_spans.scope_spans:
            scope = Scope(process, scope_spans.scope.name, scope_spans.scope.version)
            for span in scope_spans.spans:
                try:
                    rows.append(wire_row(_span(span), scope))
                    indexes.append(index)
                except (BadSpanError, ProtobufError) as error:
                    reason = error.reason if isinstance(error, BadSpanError) else "malformed_attribute"
                    raw = _alone(resource_spans, scope_spans, span)
                    decoded.refused.append(Refused(index, reason, str(error)[:500], raw))
                index += 1
        if rows:
            decoded.batches.append(Batch(process.facts, rows, indexes))
    return decoded


def _span(span: Any) -> Span:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    status = span.status
    events = span.events
    links = span.links
    return Span(
        span.trace_id,
        int.from_bytes(span.span_id, "big") if len(span.span_id) == 8 else 0,
        int.from_bytes(span.parent_span_id, "big") if len(span.parent_span_id) == 8 else 0,
        span.name,
        span.kind,
        start // 1000,
        (end - start) // 1000 if end else None,
        _attributes(span.attributes),
        span.trace_state,
        status.code,
        status.message,
        [_event(event) for event in events] if events else None,
        [(link.trace_id, int.from_bytes(link.span_id, "big")) for link in links] if links else None,
        span.dropped_attributes_count,
        span.dropped_events_count,
        span.dropped_links_count,
    )


def _event(event: Any) -> tuple[int, str, dict[str, str]]:
    return event.time_unix_nano // 1000, event.name, _attributes(event.attributes)


def _attributes(raws: Any) -> dict[str, str]:
    """Texts by key; raises ProtobufError for an attribute that is none."""
    raws = list(raws)
    pairs: list[Any] = list(map(_known.get, raws))
    if None in pairs:
        pairs = [pair or _learnt(raw) for raw, pair in zip(raws, pairs, strict=True)]
    return dict(pairs)


def _learnt(raw: bytes) -> tuple[str, str]:
    """Key and text of an attribute not met before; kept for the next span where that pays."""
    attribute = common_pb2.KeyValue.FromString(raw)
    key, value = attribute.key, attribute.value
    pair = key, value.string_value or text_of(_plain(value))
    if len(raw) <= _KNOWN_BYTES and key not in SCAN_ONLY:
        if len(_known) >= _KNOWN_MOST:
            _known.clear()
        _known[raw] = pair
    return pair


def _plain(value: Any, depth: int = 0) -> Any:
    """The Python value of an ``AnyValue``; what is nested too deep is left out."""
    which = value.WhichOneof("value")
    if which is None or depth > 16:
        return None
    found = getattr(value, which)
    if which == "array_value":
        return [_plain(item, depth + 1) for item in found.values]
    if which == "kvlist_value":
        return {item.key: _plain(item.value, depth + 1) for item in found.values}
    if which == "bytes_value":
        return base64.b64encode(found).decode()
    return found


def _alone(resource_spans: Any, scope_spans: Any, span: Any) -> bytes:
    """A request that holds this one span with its resource and scope."""
    request = _Request()
    alone = request.resource_spans.add()
    alone.resource.CopyFrom(resource_spans.resource)
    scope = alone.scope_spans.add()
    scope.scope.CopyFrom(scope_spans.scope)
    scope.spans.add().CopyFrom(span)
    return bytes(request.SerializeToString())
