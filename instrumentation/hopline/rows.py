"""From an ended span to the row of the model, and to its JSON object (docs/row.md)."""

from typing import Any, Final

from hopline.entry import NO_CALLER
from hopline.ids import span_hex, trace_hex
from hopline.model import KINDS, Row, flags_to_json
from hopline.spans import Detail, Span

KIND_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}
NO_DETAIL: Final = Detail()
"""Stands for the detail of spans that have none; never written to."""


def times(span: Span) -> tuple[int, int | None]:
    """Start and duration in microseconds; the duration of an open span is ``None``."""
    start = max(0, (span.start_ns + span.entry.epoch_ns) // 1000)
    return start, max(0, (span.end_ns - span.start_ns) // 1000) if span.end_ns else None


def uid_of(span: Span) -> str:
    """The entry row shows what was set anywhere below it; other rows what they were born with."""
    return span.uid if span.parent is not None else span.entry.uid


def to_row(span: Span, process: dict[str, str]) -> Row:
    """The row of an ended or copied span."""
    entry = span.entry
    detail = span.rare or NO_DETAIL
    start_us, duration_us = times(span)
    is_entry = span.parent is None
    service, instance, zone, operation = entry.caller if is_entry else NO_CALLER
    return Row(
        trace_id=trace_hex(entry.trace_id),
        kind=span.kind if span.kind in KIND_NUMBERS else "local",
        service=process["service"],
        name=span.name,
        start_us=start_us,
        span_id=span.span_id,
        id=span_hex(span.id_int),
        parent_id=span.parent_id,
        duration_us=duration_us,
        instance=process["instance"],
        host=process["host"],
        zone=process["zone"],
        env=process["env"],
        version=process["version"],
        error=detail.error,
        error_type=detail.error_type,
        error_text=detail.error_text,
        caller_service=service,
        caller_instance=instance,
        caller_zone=zone,
        caller_name=operation,
        peer=span.peer,
        peer_kind=span.peer_kind,
        uid=uid_of(span),
        annotations=list(detail.annotations),
        tags=dict(span.tags),
        attrs=dict(detail.attrs),
        links=list(detail.links),
        children=span.children,
        flags=entry.flags,
        weight=entry.weight,
        attempt=detail.attempt,
    )


_OPTIONAL: Final = (
    "error", "error_type", "error_text", "caller_service", "caller_instance", "caller_zone", "caller_name",
    "peer", "peer_kind", "uid", "annotations", "tags", "attrs", "links", "children", "attempt",
)  # fmt: skip


def to_json(row: Row) -> dict[str, Any]:
    """The JSON object, without what the message's ``process`` says and without empty members."""
    found: dict[str, Any] = {
        "trace_id": row.trace_id,
        "span_id": row.span_id,
        "id": row.id,
        "parent_id": row.parent_id,
        "kind": row.kind,
        "name": row.name,
        "start_us": row.start_us,
        "duration_us": row.duration_us,
        "flags": flags_to_json(row.flags),
        "weight": row.weight,
    }
    found.update((name, value) for name in _OPTIONAL if (value := getattr(row, name)))
    return found
