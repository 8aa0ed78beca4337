"""Rows as an OTLP request in JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)."""

from collections.abc import Iterable
from typing import Any

import msgspec

from hopline.model import Row

KINDS = {"local": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
RESOURCE = {
    "service": "service.name",
    "instance": "service.instance.id",
    "version": "service.version",
    "host": "host.name",
    "env": "deployment.environment.name",
    "zone": "cloud.availability_zone",
}
SUCCEEDED = 1
FAILED = 2

SCOPE_NAME = "otel.scope.name"
SCOPE_VERSION = "otel.scope.version"
STATUS = "otel.status_code"
TRACE_STATE = "w3c.tracestate"
LINK = "otel.link."
"""Where the collector keeps what only OTLP has (docs/inputs.md)."""


class _Said(msgspec.Struct):
    attributes: dict[str, Any] = {}
    trace_state: str = ""


def request(rows: Iterable[Row]) -> dict[str, Any]:
    """``{"resourceSpans": [...]}``, one resource per process."""
    found: dict[tuple[str, ...], dict[tuple[str, str], list[dict[str, Any]]]] = {}
    for row in rows:
        scopes = found.setdefault(tuple(getattr(row, name) for name in RESOURCE), {})
        scopes.setdefault((row.tags.get(SCOPE_NAME, "hopline"), row.attrs.get(SCOPE_VERSION, "")), []).append(span(row))
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes(dict(zip(RESOURCE.values(), facts, strict=True)))},
                "scopeSpans": [
                    {"scope": {"name": name} | ({"version": version} if version else {}), "spans": spans}
                    for (name, version), spans in scopes.items()
                ],
            }
            for facts, scopes in found.items()
        ]
    }


def span(row: Row) -> dict[str, Any]:
    """One row as an OTLP span; nanoseconds are strings."""
    tags = {key: value for key, value in {**row.attrs, **row.tags}.items() if not _is_structure(key)}
    more = {"user.id": row.uid, "hopline.span_id": row.span_id, "error.type": row.error_type}
    more |= {"peer.service": row.peer if row.peer_kind in {"", "service"} else ""}
    tags = {key: value for key, value in more.items() if value and key not in tags} | tags
    end = row.start_us + (row.duration_us or 0)
    found: dict[str, Any] = {
        "traceId": row.trace_id,
        "spanId": row.id,
        "parentSpanId": row.parent_id or "",
        "name": row.name,
        "kind": KINDS[row.kind],
        "startTimeUnixNano": f"{row.start_us}000",
        "endTimeUnixNano": f"{end}000",
        "attributes": attributes(tags),
        "events": [
            {"timeUnixNano": f"{ts}000", "name": key, "attributes": attributes({"value": value})}
            for ts, key, value in row.annotations
        ],
        "links": [_link(row, place) for place in range(len(row.links))],
    }
    if row.attrs.get(TRACE_STATE):
        found["traceState"] = row.attrs[TRACE_STATE]
    succeeded = {"code": SUCCEEDED} if row.attrs.get(STATUS) == "OK" else {}
    found["status"] = {"code": FAILED, "message": row.error_text} if row.error else succeeded
    return found


def _is_structure(key: str) -> bool:
    """Whether a tag or attr is a part of OTLP's own structure, to which it goes back."""
    return key in {SCOPE_NAME, SCOPE_VERSION, STATUS, TRACE_STATE} or (
        key.startswith(LINK) and key.removeprefix(LINK).isdigit()
    )


def _link(row: Row, place: int) -> dict[str, Any]:
    """A link with all that an OTLP sender said of it (docs/inputs.md)."""
    trace_id, span_id, kind = row.links[place]
    try:
        said = msgspec.json.decode(row.attrs.get(f"{LINK}{place}", "{}"), type=_Said)
    except msgspec.MsgspecError:
        # Cut to the limit of an attribute.
        said = _Said()
    state = {"traceState": said.trace_state} if said.trace_state else {}
    told = {"kind": kind} | {key: str(value) for key, value in said.attributes.items()}
    return {"traceId": trace_id, "spanId": span_id, "attributes": attributes(told)} | state


def attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    """Key and value pairs as OTLP spells them; empty values are left out."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items() if value]
