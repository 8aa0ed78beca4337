"""Rows as the legacy Jaeger UI JSON: traces with processes, references and typed tags."""

from collections.abc import Iterable
from typing import Any

import msgspec

from hopline.model import DEBUG, SAMPLED, Row
from hopline_query.exports.events import attributes_of
from hopline_query.exports.otlp_values import typed_value
from hopline_query.exports.sent import STRUCTURE, TYPES

Json = dict[str, Any]

PROCESS = {"instance": "service.instance.id", "host": "host.name", "zone": "zone", "env": "env", "version": "version"}
JAEGER_DEBUG = 2


def trace(rows: Iterable[Row]) -> Json:
    """One trace; rows of one process share an entry of ``processes``."""
    processes: dict[tuple[str, ...], str] = {}
    described: dict[str, Json] = {}
    spans = []
    trace_id = ""
    known = list(rows)
    # Jaeger's spans have ids of their own: a callee that shares its caller's id gets the mark of its kind.
    taken = {(row.id, row.kind) for row in known}
    for row in known:
        trace_id = row.trace_id
        facts = (row.service, *(getattr(row, name) for name in PROCESS))
        if facts not in processes:
            processes[facts] = f"p{len(processes) + 1}"
            tags = [tag(key, value) for key, value in zip(PROCESS.values(), facts[1:], strict=True) if value]
            described[processes[facts]] = {"serviceName": row.service, "tags": tags}
        shared = row.kind == "server" and (row.id, "client") in taken
        spans.append(span(row, processes[facts], shared=shared))
    return {"traceID": trace_id, "spans": spans, "processes": described, "warnings": None}


def span(row: Row, process: str, *, shared: bool = False) -> Json:
    """One row as a span. The parent is a CHILD_OF reference, the only kind that Grafana reads."""
    span_id, parent = row.id, row.parent_id
    if shared:
        # The top bit flipped: deterministic, and the client's own id stays untouched.
        span_id, parent = f"{int(row.id, 16) ^ (1 << 63):016x}", row.id
    references = [_reference("CHILD_OF", row.trace_id, parent)] if parent else []
    references += [_reference("FOLLOWS_FROM", link[0], link[1]) for link in row.links]
    warnings = ["not finished when it was last seen"] if row.duration_us is None else None
    return {
        "traceID": row.trace_id,
        "spanID": span_id,
        "operationName": row.name,
        "references": references,
        "startTime": row.start_us,
        "duration": row.duration_us or 0,
        "tags": _tags(row),
        "logs": [{"timestamp": ts, "fields": _fields(key, value)} for ts, key, value in row.annotations],
        "processID": process,
        "warnings": warnings,
        "flags": bool(row.flags & SAMPLED) | (JAEGER_DEBUG if row.flags & DEBUG else 0),
    }


def tag(key: str, value: str | bool | int) -> Json:
    """A typed tag."""
    kind = "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else "string"
    return {"key": key, "type": kind, "value": value}


def typed(key: str, value: str, kind: str) -> Json:
    """A tag of the type that its sender gave to the value, where Jaeger has it."""
    number = typed_value(value, kind)
    if "intValue" in number:
        return tag(key, int(number["intValue"]))
    if isinstance(number.get("doubleValue"), float):
        return {"key": key, "type": "float64", "value": number["doubleValue"]}
    return tag(key, number.get("boolValue", value))


def _types(row: Row) -> dict[str, str]:
    try:
        return msgspec.json.decode(row.attrs.get(TYPES, "{}"), type=dict[str, str])
    except msgspec.MsgspecError:
        return {}


def _reference(kind: str, trace_id: str, span_id: str) -> Json:
    return {"refType": kind, "traceID": trace_id, "spanID": span_id}


def _fields(key: str, value: str) -> list[Json]:
    """An annotation as the fields of a log: its name, and what it says."""
    return [tag("event", key), *(_field(name, said) for name, said in attributes_of(key, value).items())]


def _field(key: str, value: Any) -> Json:
    if isinstance(value, float):
        return {"key": key, "type": "float64", "value": value}
    if value is None or isinstance(value, str | int):
        return tag(key, "" if value is None else value)
    return tag(key, msgspec.json.encode(value).decode())


def _tags(row: Row) -> list[Json]:
    values = {key: value for key, value in (row.attrs | row.tags).items() if key not in {"error", *STRUCTURE}}
    types = _types(row)
    found = [typed(key, value, types.get(key, "")) for key, value in sorted(values.items())]
    if row.kind != "local":
        found.append(tag("span.kind", row.kind))
    for key, value in (
        ("peer.service", row.peer),
        ("user.id", row.uid),
        ("hopline.span_id", row.span_id),
        ("error.type", row.error_type),
        ("otel.status_description", row.error_text),
    ):
        if value and key not in values:
            found.append(tag(key, value))
    if row.error:
        found += [tag("error", value=True), tag("otel.status_code", "ERROR")]
    return found
