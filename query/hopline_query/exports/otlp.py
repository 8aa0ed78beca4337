"""Rows as an OTLP request in JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).

What came as OTLP goes out as it came: resource, scope, types, status, events, links. What OTLP has no
field for stands in attributes `hopline.*`, so that a row which is imported again is the row that it was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from hopline.model import Row
from hopline_query.exports import otlp_back
from hopline_query.exports.events import DROPPED, attributes_of
from hopline_query.exports.otlp_ids import unique
from hopline_query.exports.otlp_values import any_value, attributes, typed_value
from hopline_query.exports.sent import as_sent

Json = dict[str, Any]

KINDS = {"local": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
RESOURCE = {
    "service.name": "service",
    "service.instance.id": "instance",
    "service.version": "version",
    "host.name": "host",
    "deployment.environment.name": "env",
    "deployment.environment": "env",
    "cloud.availability_zone": "zone",
}
"""Attributes of a resource, and the fields that hold them."""
SUCCEEDED, FAILED = 1, 2
LAST_US = (2**64 - 1) // 1_000
"""The last time that 64 bits of nanoseconds hold, in microseconds."""

SCOPE, SCOPE_NAME, SCOPE_VERSION = "otel.scope.", "otel.scope.name", "otel.scope.version"
STATUS, STATUS_TEXT, TRACE_STATE = "otel.status_code", "otel.status_description", "w3c.tracestate"
LINK, TYPES, TOLD, FROM = "otel.link.", "otel.types", "otel.resource", "otel.resource."
SCHEMA = "schema_url"
DROPS = {f"otel.dropped_{part}_count": f"dropped{part.capitalize()}Count" for part in ("attributes", "events", "links")}
"""Where the collector keeps what only OTLP has (docs/inputs.md)."""


class _Resource(msgspec.Struct):
    keys: list[str] = []
    types: dict[str, str] = {}
    values: dict[str, Any] = {}


class _Said(msgspec.Struct):
    attributes: dict[str, Any] = {}
    trace_state: str = ""
    dropped_attributes_count: int = 0


def request(rows: Iterable[Row]) -> Json:
    """``{"resourceSpans": [...]}``, one resource per process, one span per row, no span id twice."""
    known = list(rows)
    ids = unique(known)
    found: dict[bytes, tuple[Json, dict[bytes, tuple[Json, list[tuple[Row, Json]]]]]] = {}
    for row, (own, parent) in zip(known, ids, strict=True):
        sent = _in_nanoseconds(row)
        told = _told(row)
        resource, scope = _resource(row, told), _scope(row)
        _, scopes = found.setdefault(msgspec.json.encode(resource), (resource, {}))
        _, spans = scopes.setdefault(msgspec.json.encode(scope), (scope, []))
        spans.append((sent, span(sent, told, own, parent)))
    otlp_back.name_differences(
        [(resource, scope, spans) for resource, scopes in found.values() for scope, spans in scopes.values()]
    )
    return {
        "resourceSpans": [
            resource
            | {"scopeSpans": [scope | {"spans": [made for _, made in spans]} for scope, spans in scopes.values()]}
            for resource, scopes in found.values()
        ]
    }


def _in_nanoseconds(row: Row) -> Row:
    """The row as it was sent, with the corrected times where OTLP has no number for those."""
    sent = as_sent(row)
    if 0 <= sent.start_us <= LAST_US:
        return sent
    return replace(sent, start_us=row.start_us, annotations=row.annotations)


def _nanos(at_us: int) -> str:
    """A time in nanoseconds, the nearest that OTLP's 64 bits hold."""
    return f"{min(max(at_us, 0), LAST_US) * 1_000}"


def span(row: Row, told: _Resource | None, own: str, parent: str) -> Json:
    """One row as an OTLP span, under the id and the parent that are its own in the answer; nanoseconds are strings."""
    found: Json = {"traceId": row.trace_id, "spanId": own, "parentSpanId": parent, "name": row.name}
    found |= {"kind": KINDS[row.kind], "startTimeUnixNano": _nanos(row.start_us)}
    if row.duration_us is not None:
        found["endTimeUnixNano"] = _nanos(row.start_us + row.duration_us)
    types = _decoded(row.attrs.get(TYPES, ""), dict[str, str]) or {}
    tags = _tags(row, told)
    added = {} if told else _readable(row, tags)
    values = [{"key": key, "value": typed_value(value, types.get(key, ""))} for key, value in tags.items()]
    found["attributes"] = attributes(added) + values + ([_path(row)] if row.span_id else [])
    if added:
        found["attributes"].append({"key": "hopline.added", "value": any_value(list(added))})
    found["events"] = [_event(*note) for note in row.annotations]
    found["links"] = [_link(row, place) for place in range(len(row.links))]
    found |= {name: int(row.attrs[key]) for key, name in DROPS.items() if row.attrs.get(key, "").isdecimal()}
    if row.attrs.get(TRACE_STATE):
        found["traceState"] = row.attrs[TRACE_STATE]
    return found | {"status": _status(row)}


def _tags(row: Row, told: _Resource | None) -> dict[str, str]:
    """The attributes of the span itself: neither structure of OTLP nor what its resource said."""
    shared = frozenset(told.keys) - told.values.keys() if told else frozenset()
    found = {**row.attrs, **row.tags}
    return {key: value for key, value in found.items() if not _is_structure(key) and key not in shared}


def _is_structure(key: str) -> bool:
    """Whether a tag or attr is a part of OTLP's own structure, to which it goes back."""
    return key in DROPS or key in {STATUS, STATUS_TEXT, TRACE_STATE, TYPES, TOLD} or key.startswith((SCOPE, FROM, LINK))


def _readable(row: Row, tags: Mapping[str, str]) -> dict[str, str]:
    """What our fields say, under the names that readers of OTLP know."""
    more = {"user.id": row.uid, "error.type": row.error_type}
    more |= {"peer.service": row.peer if row.peer_kind in {"", "service"} else ""}
    return {key: value for key, value in more.items() if value and key not in tags}


def _path(row: Row) -> Json:
    return {"key": "hopline.span_id", "value": any_value(row.span_id)}


def _status(row: Row) -> Json:
    code = {"OK": SUCCEEDED, "UNSET": 0}.get(row.attrs.get(STATUS, ""), FAILED if row.error else 0)
    text = row.attrs.get(STATUS_TEXT, row.error_text if row.error else "")
    return ({"code": code} if code else {}) | ({"message": text} if text else {})


def _told(row: Row) -> _Resource | None:
    """What the collector kept of the row's resource; None for a row that did not come as OTLP."""
    return _decoded(row.attrs[TOLD], _Resource) if TOLD in row.attrs else None


def _resource(row: Row, told: _Resource | None) -> Json:
    held = {**row.attrs, **row.tags}
    if told is None:
        fields = {key: name for key, name in RESOURCE.items() if key != "deployment.environment"}
        values = {key: any_value(getattr(row, name)) for key, name in fields.items() if getattr(row, name)}
    else:
        values = {}
        for key in told.keys:
            text = getattr(row, RESOURCE[key]) if key in RESOURCE else held.get(key, "")
            kind = told.types.get(key, "")
            values[key] = any_value(told.values[key], kind) if key in told.values else typed_value(text, kind)
    found: Json = {"attributes": [{"key": key, "value": value} for key, value in values.items()]}
    if dropped := held.get(FROM + DROPPED):
        found["droppedAttributesCount"] = int(dropped)
    return {"resource": found} | ({"schemaUrl": held[FROM + SCHEMA]} if FROM + SCHEMA in held else {})


def _scope(row: Row) -> Json:
    types = _decoded(row.attrs.get(f"{SCOPE}types", ""), dict[str, str]) or {}
    name = row.tags.get(SCOPE_NAME, "" if TOLD in row.attrs else "hopline")
    found: Json = {"name": name} if name else {}
    if version := row.attrs.get(SCOPE_VERSION):
        found["version"] = version
    structure = {SCOPE_NAME, SCOPE_VERSION, f"{SCOPE}types", SCOPE + SCHEMA, SCOPE + DROPPED}
    more = {key.removeprefix(SCOPE): value for key, value in row.attrs.items() if key.startswith(SCOPE)}
    values = {
        key: typed_value(value, types.get(key, "")) for key, value in more.items() if SCOPE + key not in structure
    }
    if values:
        found["attributes"] = [{"key": key, "value": value} for key, value in values.items()]
    if dropped := row.attrs.get(SCOPE + DROPPED):
        found["droppedAttributesCount"] = int(dropped)
    return {"scope": found} | ({"schemaUrl": row.attrs[SCOPE + SCHEMA]} if SCOPE + SCHEMA in row.attrs else {})


def _event(at_us: int, name: str, value: str) -> Json:
    """An annotation as the event that it was."""
    said = attributes_of(name, value)
    dropped = said.pop(DROPPED, "")
    found: Json = {"timeUnixNano": _nanos(at_us), "name": name, "attributes": attributes(said)}
    return found | ({"droppedAttributesCount": int(dropped)} if dropped else {})


def _link(row: Row, place: int) -> Json:
    """A link with all that an OTLP sender said of it (docs/inputs.md)."""
    trace_id, span_id, _ = row.links[place]
    said = _decoded(row.attrs.get(f"{LINK}{place}", "{}"), _Said) or _Said()
    found: Json = {"traceId": trace_id, "spanId": span_id, "attributes": attributes(said.attributes)}
    found |= {"traceState": said.trace_state} if said.trace_state else {}
    dropped = said.dropped_attributes_count
    return found | ({"droppedAttributesCount": dropped} if dropped else {})


def _decoded(text: str, kind: Any) -> Any:
    """JSON that the collector wrote; None where it was cut to the limit of an attribute."""
    try:
        return msgspec.json.decode(text, type=kind) if text else None
    except msgspec.MsgspecError:
        return None
