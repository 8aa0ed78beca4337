"""The wire format, version 1 (docs/wire.md): ended spans to MessagePack.

Needs msgspec, which the extra ``hopline[kafka]`` brings.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hopline.ids import TRACE_BYTES
from hopline.model import SAMPLED, WEIGHT_ONE
from hopline.rows import KIND_NUMBERS, NO_DETAIL, times, uid_of
from hopline.spans import Span
from hopline.transports.base import Report

VERSION: Final = 1
ERROR: Final = 8
"""Bit of the flags on the wire beside those of the model."""

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
    return _trimmed([*row, *_rest(span, flags)])


def _rest(span: Span, flags: int) -> list[Any]:
    """Positions 9 to 21."""
    detail = span.rare or NO_DETAIL
    caller = span.entry.caller if span.parent is None and any(span.entry.caller) else None
    return [
        span.children,
        flags | ERROR if detail.error else flags,
        uid_of(span) or None,
        caller,
        detail.peer or None,
        detail.peer_kind or None,
        span.entry.weight if span.entry.weight != WEIGHT_ONE else None,
        detail.error_type or None,
        detail.error_text or None,
        detail.annotations or None,
        detail.attrs or None,
        [_link(link) for link in detail.links] or None,
        detail.attempt or None,
    ]


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
