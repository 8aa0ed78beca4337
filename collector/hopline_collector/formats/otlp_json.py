"""OTLP in JSON: hex ids, lowerCamelCase keys, 64-bit integers as strings or numbers.

The rules are those of https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
"""

import base64
from functools import partial
from typing import Any, Final

import msgspec

from hopline_collector.formats.decoded import Batch, Decoded, DecodeError
from hopline_collector.formats.mapping import BadSpanError
from hopline_collector.formats.objects import repaired_json
from hopline_collector.formats.otlp_events import Event
from hopline_collector.formats.otlp_members import check_members, foreign_member, in_camel_case
from hopline_collector.formats.otlp_resource import Process
from hopline_collector.formats.otlp_span import Link, Scope, Span, wire_row
from hopline_collector.formats.typed import text

_Integer = int | str | None
_KIND_NAMES: Final = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
}
_STATUS_NAMES: Final = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_INT64: Final = 2**64


class _Camel(msgspec.Struct, rename="camel", gc=False):
    """Unknown members are ignored."""


class _Array(_Camel):
    values: list["_Value"] | None = None


class _Map(_Camel):
    values: list["_Attribute"] | None = None


class _Value(_Camel):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: _Integer = None
    double_value: float | str | None = None
    array_value: _Array | None = None
    kvlist_value: _Map | None = None
    bytes_value: str | None = None


class _Attribute(_Camel):
    key: str = ""
    value: _Value | None = None


class _Resource(_Camel):
    attributes: list[_Attribute] | None = None
    dropped_attributes_count: _Integer = 0


class _ScopeFacts(_Camel):
    name: str | None = None
    version: str | None = None
    attributes: list[_Attribute] | None = None
    dropped_attributes_count: _Integer = 0


class _Event(_Camel):
    time_unix_nano: _Integer = 0
    name: str | None = None
    attributes: list[_Attribute] | None = None
    dropped_attributes_count: _Integer = 0


class _Link(_Camel):
    trace_id: str = ""
    span_id: str = ""
    trace_state: str | None = None
    attributes: list[_Attribute] | None = None
    dropped_attributes_count: _Integer = 0


class _Status(_Camel):
    code: _Integer = 0
    message: str | None = None


class _Span(_Camel):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str | None = None
    kind: _Integer = 0
    start_time_unix_nano: _Integer = 0
    end_time_unix_nano: _Integer = 0
    attributes: list[_Attribute] | None = None
    events: list[_Event] | None = None
    links: list[_Link] | None = None
    status: _Status | None = None
    dropped_attributes_count: _Integer = 0
    dropped_events_count: _Integer = 0
    dropped_links_count: _Integer = 0


class _ScopeSpans(_Camel):
    scope: _ScopeFacts | None = None
    instrumentation_library: _ScopeFacts | None = None
    """What a scope was called until 2022."""
    spans: list[msgspec.Raw] | None = None
    schema_url: str | None = None


class _ResourceSpans(_Camel):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None
    instrumentation_library_spans: list[_ScopeSpans] | None = None
    schema_url: str | None = None


class _Request(_Camel):
    resource_spans: list[_ResourceSpans] | None = None


_request: Final = msgspec.json.Decoder(_Request)
_one: Final = msgspec.json.Decoder(_Span)
_FAULTS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError)


def decode(body: bytes) -> Decoded:
    """Rows of an ``ExportTraceServiceRequest`` in JSON. Raises :class:`DecodeError` when it is none."""
    try:
        request = _request.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        repaired = repaired_json(body)
        if repaired is None:
            raise DecodeError("malformed", str(error)) from error
        return decode(repaired)
    decoded = Decoded()
    index, bare = 0, not request.resource_spans
    for resource_spans in request.resource_spans or ():
        process = _process(resource_spans)
        rows, indexes = [], []
        scopes = resource_spans.scope_spans or resource_spans.instrumentation_library_spans
        bare = bare or not scopes
        for scope_spans in scopes or ():
            scope = _scope(process, scope_spans)
            for raw in scope_spans.spans or ():
                try:
                    rows.append(wire_row(_span(_named(raw)), scope))
                    indexes.append(index)
                except _FAULTS as error:
                    reason = error.reason if isinstance(error, BadSpanError) else "malformed_span"
                    alone = partial(_alone, resource_spans, scope_spans, raw)
                    decoded.refuse(index, reason, f"span {index}: {error}"[:500], alone)
                index += 1
        if rows:
            decoded.batches.append(Batch(process.facts, rows, indexes))
    if bare or not index:
        check_members(body, empty=not index)
    return decoded


def _process(found: _ResourceSpans) -> Process:
    resource = found.resource or _Resource()
    dropped = _count(resource.dropped_attributes_count)
    return Process(_attributes(resource.attributes), dropped=dropped, schema_url=found.schema_url or "")


def _scope(process: Process, found: _ScopeSpans) -> Scope:
    facts = found.scope or found.instrumentation_library or _ScopeFacts()
    dropped, schema_url = _count(facts.dropped_attributes_count), found.schema_url or ""
    name, version = facts.name or "", facts.version or ""
    return Scope(process, name, version, _attributes(facts.attributes), dropped=dropped, schema_url=schema_url)


def _event(found: _Event) -> Event:
    at, dropped = _integer(found.time_unix_nano) // 1000, _integer(found.dropped_attributes_count)
    return Event(at, found.name or "", _attributes(found.attributes), dropped)


def _link(found: _Link) -> Link:
    trace_id, span_id = _hex(found.trace_id, 32), int.from_bytes(_hex(found.span_id, 16), "big")
    dropped = _integer(found.dropped_attributes_count)
    return Link(trace_id, span_id, _attributes(found.attributes), found.trace_state or "", dropped)


def _typed(raw: bytes | msgspec.Raw) -> _Span:
    """One span, its text made good where it is no Unicode."""
    try:
        return _one.decode(raw)
    except (msgspec.DecodeError, UnicodeError) as error:
        repaired = None if isinstance(error, msgspec.ValidationError) else repaired_json(bytes(raw))
        if repaired is None:
            raise
        return _one.decode(repaired)


def _named(raw: msgspec.Raw) -> _Span:
    """One span; raises BadSpanError where what it lacks stands under another name."""
    found = _typed(raw)
    whole = found.trace_id and found.span_id and found.start_time_unix_nano and found.end_time_unix_nano
    if not whole and (name := foreign_member(raw)):
        raise BadSpanError("malformed_span", in_camel_case(name))
    return found


def _span(found: _Span) -> Span:
    start, end = _integer(found.start_time_unix_nano), _integer(found.end_time_unix_nano)
    status = found.status or _Status()
    return Span(
        _hex(found.trace_id, 32),
        int.from_bytes(_hex(found.span_id, 16), "big"),
        int.from_bytes(_hex(found.parent_span_id, 16), "big"),
        found.name or "",
        _integer(_KIND_NAMES.get(str(found.kind), found.kind)),
        start // 1000,
        (end - start) // 1000 if end else None,
        _attributes(found.attributes),
        found.trace_state or "",
        _integer(_STATUS_NAMES.get(str(status.code), status.code)),
        status.message or "",
        [_event(event) for event in found.events or ()],
        [_link(link) for link in found.links or ()],
        _integer(found.dropped_attributes_count),
        _integer(found.dropped_events_count),
        _integer(found.dropped_links_count),
    )


def _hex(text: str | None, digits: int) -> bytes:
    """The bytes of an id; empty for none. Raises BadSpanError for anything else than so many hex digits."""
    if not text:
        return b""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(text) != digits or len(found) * 2 != digits:
        raise BadSpanError("bad_trace_id" if digits == 32 else "bad_id", f"not {digits} hex digits: {text[:80]!r}")
    return found


def _integer(value: _Integer) -> int:
    """A 64-bit integer that came as a number or as text."""
    number = int(value) if isinstance(value, str) and len(value) <= 20 else value
    if isinstance(number, int) and not isinstance(number, bool) and -_INT64 < number < _INT64:
        return number
    if number is None:
        return 0
    raise ValueError(f"not a 64-bit integer: {str(value)[:40]!r}")


def _count(value: _Integer) -> int:
    """As :func:`_integer`; 0 for what is none: no span is refused for what its resource says beside."""
    try:
        return _integer(value)
    except ValueError:
        return 0


def _attributes(found: list[_Attribute] | None) -> dict[str, str]:
    if not found:
        return {}
    texts = {}
    for attribute in found:
        value = attribute.value
        if value is None:
            texts[attribute.key] = text(None)
        else:
            string = value.string_value
            texts[attribute.key] = text(_value(value)) if string is None else string
    return texts


def _value(value: _Value | None, depth: int = 0) -> Any:
    """The Python value of an ``AnyValue``; what is nested too deep is left out."""
    if value is None or depth > 16:
        return None
    if value.array_value is not None:
        return [_value(item, depth + 1) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return {item.key: _value(item.value, depth + 1) for item in value.kvlist_value.values or ()}
    if value.bytes_value is not None:
        return _bytes(value.bytes_value)
    if value.double_value is not None:
        return float(value.double_value)
    if value.int_value is not None:
        return _integer(value.int_value)
    return value.string_value if value.bool_value is None else value.bool_value


def _bytes(text: str) -> bytes | str:
    """Bytes in base64, of either alphabet; as it came where it is none."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return text


def _alone(resource_spans: _ResourceSpans, scope_spans: _ScopeSpans, span: msgspec.Raw, whole: bool) -> bytes:
    """A request that holds this one span, with its resource and scope where ``whole``."""
    if not whole:
        return msgspec.json.encode(_Request([_ResourceSpans(scope_spans=[_ScopeSpans(spans=[span])])]))
    scope = _ScopeSpans(scope_spans.scope, scope_spans.instrumentation_library, [span])
    return msgspec.json.encode(_Request([_ResourceSpans(resource_spans.resource, [scope])]))
