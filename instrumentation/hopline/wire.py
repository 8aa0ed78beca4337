"""The wire format, version 1 (docs/wire.md): ended spans to MessagePack.

Needs msgspec, which the extra ``hopline[kafka]`` brings.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hopline.entry import NO_CALLER
from hopline.ids import TRACE_BYTES
from hopline.rows import KIND_NUMBERS, times, uid_of
from hopline.spans import Span
from hopline.transports.base import Report
from hopline.vocabulary import KINDS, SAMPLED, WEIGHT_ONE

VERSION: Final = 1
LOCAL: Final = KINDS[0]
ERROR: Final = 8
"""Bit of the flags on the wire beside those of the model."""

_MANY: Final = 256
_NUMBERS: Final = tuple(map(str, range(_MANY)))

_encode: Final = msgspec.msgpack.Encoder().encode


def encode(process: dict[str, str], rows: Sequence[Sequence[Any]], report: Report | None = None) -> bytes:
    """One Kafka message."""
    message: list[Any] = [VERSION, process, rows]
    if report is not None:
        message.append(report)
    return _encode(message)


def encode_row(row: Sequence[Any]) -> bytes:
    """One row alone: the bytes it adds to a message."""
    return _encode(row)


def pack_all(spans: Sequence[Span]) -> list[Sequence[Any]]:
    """:func:`pack` for many: rows of one entry and siblings come together, so what they share is read once.

    A call for each row, and what it reads anew, would cost as much as the row.
    """
    rows: list[Sequence[Any]] = []
    append = rows.append
    # Numbers below 2**30 are divided in a third of the time: starts are told from the first.
    first_us = spans[0].start_ns // 1000 if spans else 0
    first_ns = first_us * 1000
    entry = parent = None
    plain = False
    for span in spans:
        if span.entry is not entry:
            entry = span.entry
            trace_id, epoch_us = entry.trace_bytes, entry.epoch_ns // 1000
            # A clock of the application's own (no epoch then) may run backwards.
            plain = entry.flags == SAMPLED and entry.weight == WEIGHT_ONE and epoch_us > 0
            epoch_us += first_us
        above, end_ns = span.parent, span.end_ns
        if not plain or above is None or span.rare is not None or not end_ns:
            append(pack(span))
            continue
        if above is not parent:
            parent = above
            prefix, parent_id = above.span_id + ".", above.id_int
        start_ns, number, kind, uid = span.start_ns, span.ordinal, span.kind, span.uid
        row = (
            trace_id,
            prefix + (_NUMBERS[number] if number < _MANY else str(number)),
            span.id_int,
            parent_id,
            0 if kind is LOCAL else KIND_NUMBERS.get(kind, 0),
            span.name,
            (start_ns - first_ns) // 1000 + epoch_us,
            (end_ns - start_ns) // 1000,
            span.tags,
        )
        if uid:
            append((*row, span.children, SAMPLED, uid))
        elif span.numbers is not None:
            append((*row, span.children, SAMPLED))
        else:
            append(row)
    return rows


def pack(span: Span) -> Sequence[Any]:
    """The positional row of an ended or copied span, without trailing defaults.

    Raises:
        Exception: whatever a value that is no text makes the encoder raise later.

    """
    entry = span.entry
    parent = span.parent
    start_ns, end_ns = span.start_ns, span.end_ns
    if parent is None:
        path, parent_id = entry.path, entry.remote_id
    else:
        path, parent_id = span.path or f"{parent.path or parent.span_id}.{span.ordinal}", parent.id_int
    start_us = (start_ns + entry.epoch_ns) // 1000
    duration_us = (end_ns - start_ns) // 1000 if end_ns else None
    if start_us < 0 or (duration_us is not None and duration_us < 0):
        start_us, duration_us = times(span)
    kind = KIND_NUMBERS.get(span.kind, 0)
    trace_id = entry.raw_id or entry.trace_bytes
    row = (trace_id, path, span.id_int, parent_id, kind, span.name, start_us, duration_us, span.tags)
    flags = entry.flags
    if span.rare is None and parent is not None and not span.uid and entry.weight == WEIGHT_ONE:
        if span.numbers is None and flags == SAMPLED:
            return row
        return (*row, span.children, flags)
    return (*row, *_rest(span, flags))


def _rest(span: Span, flags: int) -> Sequence[Any]:
    """Positions 9 to 21 as far as there is something in them."""
    entry, detail = span.entry, span.rare
    uid = uid_of(span) or None
    caller = entry.caller if span.parent is None and entry.caller != NO_CALLER else None
    weight = entry.weight if entry.weight != WEIGHT_ONE else None
    if detail is None:
        if weight is not None:
            return span.children, flags, uid, caller, None, None, weight
        if caller is not None:
            return span.children, flags, uid, caller
        return (span.children, flags) if uid is None else (span.children, flags, uid)
    return _trimmed([
        span.children,
        flags | ERROR if detail.error else flags,
        uid,
        caller,
        detail.peer or None,
        detail.peer_kind or None,
        weight,
        detail.error_type or None,
        detail.error_text or None,
        detail.annotations or None,
        detail.attrs or None,
        [_link(link) for link in detail.links] if detail.links else None,
        detail.attempt or None,
    ])  # fmt: skip


def _link(link: tuple[str, str, str]) -> tuple[bytes, int, int]:
    trace_id, span_id, kind = link
    return bytes.fromhex(trace_id.zfill(TRACE_BYTES * 2)), int(span_id, 16), KIND_NUMBERS.get(kind, 0)


def _trimmed(row: list[Any]) -> list[Any]:
    while row[-1] is None:
        row.pop()
    return row


def clean(value: Any) -> Any:
    """``value`` as something the encoder takes: text without lone surrogates, no foreign types."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value if isinstance(value, (int, bytes, type(None))) else str(value)
