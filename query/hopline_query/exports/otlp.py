"""Rows as an OTLP request in JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)."""

from collections.abc import Iterable
from typing import Any

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
FAILED = 2


def request(rows: Iterable[Row]) -> dict[str, Any]:
    """``{"resourceSpans": [...]}``, one resource per process."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(getattr(row, name) for name in RESOURCE), []).append(span(row))
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes(dict(zip(RESOURCE.values(), facts, strict=True)))},
                "scopeSpans": [{"scope": {"name": "hopline"}, "spans": spans}],
            }
            for facts, spans in found.items()
        ]
    }


def span(row: Row) -> dict[str, Any]:
    """One row as an OTLP span; nanoseconds are strings."""
    tags = {**row.attrs, **row.tags}
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
        "links": [{"traceId": t, "spanId": i, "attributes": attributes({"kind": k})} for t, i, k in row.links],
    }
    found["status"] = {"code": FAILED, "message": row.error_text} if row.error else {}
    return found


def attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    """Key and value pairs as OTLP spells them; empty values are left out."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items() if value]
