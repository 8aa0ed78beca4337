"""OTLP in protobuf: ``ExportTraceServiceRequest``, read with the messages of opentelemetry-proto.

Attributes and the status are declared as byte strings, which on the wire they are: the
first are looked up (`otlp_attributes`), the second is seldom there.
"""

from functools import lru_cache, partial
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as ProtobufError
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from hopline_collector.formats.decoded import Batch, Decoded, DecodeError
from hopline_collector.formats.mapping import BadSpanError
from hopline_collector.formats.otlp_attributes import attributes
from hopline_collector.formats.otlp_events import Event
from hopline_collector.formats.otlp_resource import Process
from hopline_collector.formats.otlp_span import Link, Scope, Span, wire_row

_FILES: Final = (common_pb2, resource_pb2, trace_pb2, trace_service_pb2)
_AS_BYTES: Final = ("attributes", "status")
_REQUEST: Final = "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest"


def _request_class() -> Any:
    """The request's class with every ``attributes`` and ``status`` field read as byte strings."""
    pool = descriptor_pool.DescriptorPool()
    for module in _FILES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            for holder in (message, *message.nested_type):
                for field in holder.field:
                    if field.name in _AS_BYTES:
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
    if body and not request.resource_spans:
        raise DecodeError("malformed", "no ExportTraceServiceRequest has these fields")
    decoded = Decoded()
    index = 0
    for resource_spans in request.resource_spans:
        process = _process(resource_spans)
        rows, indexes = [], []
        for scope_spans in resource_spans.scope_spans:
            scope = _scope(process, scope_spans)
            for span in scope_spans.spans:
                try:
                    rows.append(wire_row(_span(span), scope))
                    indexes.append(index)
                except (BadSpanError, ProtobufError) as error:
                    reason = error.reason if isinstance(error, BadSpanError) else "malformed_attribute"
                    alone = partial(_alone, resource_spans, scope_spans, span)
                    decoded.refuse(index, reason, str(error)[:500], alone)
                index += 1
        if rows:
            decoded.batches.append(Batch(process.facts, rows, indexes))
    return decoded


def _process(resource_spans: Any) -> Process:
    """The facts of a resource; none where its attributes are none."""
    resource = resource_spans.resource
    try:
        found = attributes(resource.attributes)
    except ProtobufError:
        return Process({})
    return Process(found, dropped=resource.dropped_attributes_count, schema_url=resource_spans.schema_url)


def _scope(process: Process, scope_spans: Any) -> Scope:
    scope, schema_url = scope_spans.scope, scope_spans.schema_url
    try:
        found = attributes(scope.attributes)
    except ProtobufError:
        found = {}
    dropped = scope.dropped_attributes_count
    return Scope(process, scope.name, scope.version, found, dropped=dropped, schema_url=schema_url)


def _span(span: Any) -> Span:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    own, parent, status, events, links = span.span_id, span.parent_span_id, span.status, span.events, span.links
    code, message = _status(status) if status else (0, "")
    return Span(
        span.trace_id,
        int.from_bytes(own, "big") if len(own) == 8 else 0,
        int.from_bytes(parent, "big") if len(parent) == 8 else 0,
        span.name,
        span.kind,
        start // 1000,
        (end - start) // 1000 if end else None,
        attributes(span.attributes),
        span.trace_state,
        code,
        message,
        [_event(event) for event in events] if events else None,
        [_link(link) for link in links] if links else None,
        span.dropped_attributes_count,
        span.dropped_events_count,
        span.dropped_links_count,
    )


@lru_cache(maxsize=1_024)
def _status(raw: bytes) -> tuple[int, str]:
    """Code and message; raises ProtobufError for bytes that are no status."""
    found = trace_pb2.Status.FromString(raw)
    return found.code, found.message


def _event(event: Any) -> Event:
    at = event.time_unix_nano // 1000
    return Event(at, event.name, attributes(event.attributes), event.dropped_attributes_count)


def _link(link: Any) -> Link:
    found, dropped = attributes(link.attributes), link.dropped_attributes_count
    return Link(link.trace_id, int.from_bytes(link.span_id, "big"), found, link.trace_state, dropped)


def _alone(resource_spans: Any, scope_spans: Any, span: Any, whole: bool) -> bytes:
    """A request that holds this one span, with its resource and scope where ``whole``."""
    request = _Request()
    alone = request.resource_spans.add()
    scope = alone.scope_spans.add()
    if whole:
        alone.resource.CopyFrom(resource_spans.resource)
        scope.scope.CopyFrom(scope_spans.scope)
    scope.spans.add().CopyFrom(span)
    return bytes(request.SerializeToString())
