"""From an ended span to the row of the model, and to its JSON object (docs/row.md)."""

from typing import TYPE_CHECKING, Any, Final

from hopline.entry import NO_CALLER
from hopline.ids import span_hex
from hopline.spans import Span
from hopline.vocabulary import KINDS, PROCESS_FIELDS, flags_to_json

if TYPE_CHECKING:
    from hopline.model import Row

KIND_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}


def times(span: Span) -> tuple[int, int | None]:
    """Start and duration in microseconds; the duration of an open span is ``None``."""
    start = max(0, (span.start_ns + span.entry.epoch_ns) // 1000)
    return start, max(0, (span.end_ns - span.start_ns) // 1000) if span.end_ns else None


def uid_of(span: Span) -> str:
    """The entry row shows what was set anywhere below it; other rows what they were born with."""
    return span.uid if span.parent is not None else span.entry.uid


def fields_of(span: Span) -> dict[str, Any]:
    """The fields of an ended or copied span under the model's names, without defaults and without process facts."""
    entry = span.entry
    start_us, duration_us = times(span)
    found: dict[str, Any] = {
        "trace_id": entry.trace_hex,
        "span_id": span.path or span.span_id,
        "id": span_hex(span.id_int),
        "parent_id": span.parent_id,
        "kind": span.kind if span.kind in KIND_NUMBERS else "local",
        "name": span.name,
        "start_us": start_us,
        "duration_us": duration_us,
        "flags": entry.flags,
        "weight": entry.weight,
    }
    if span.tags:
        found["tags"] = dict(span.tags)
    if span.numbers is not None:
        found["children"] = span.children
    uid = uid_of(span)
    if uid:
        found["uid"] = uid
    if span.parent is None and entry.caller is not NO_CALLER:
        found.update(zip(_CALLER, entry.caller, strict=True))
    if span.rare is not None:
        found.update((name, value) for name in _RARE if (value := getattr(span.rare, name)))
    return found


_CALLER: Final = ("caller_service", "caller_instance", "caller_zone", "caller_name")
_RARE: Final = (
    "error", "error_type", "error_text", "peer", "peer_kind", "annotations", "attrs", "links", "attempt",
)  # fmt: skip


def to_row(span: Span, process: dict[str, str]) -> "Row":
    """The row of an ended or copied span."""
    from hopline.model import Row

    fields = fields_of(span)
    fields.update((name, process[name]) for name in PROCESS_FIELDS)
    return Row(**fields)


def to_json(span: Span) -> dict[str, Any]:
    """The JSON object of an ended or copied span, without what the message's ``process`` says."""
    fields = fields_of(span)
    fields["flags"] = _FLAGS[fields["flags"]]
    return fields


_FLAGS: Final = tuple(map(flags_to_json, range(8)))
"""The JSON object of each set of flags."""
