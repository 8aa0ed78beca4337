"""Our own wire: version 1 in MessagePack, and the rows of ``docs/row.md`` in JSON or MessagePack.

The well-formed message is decoded in one typed pass. Only when that fails is it taken
apart row by row, so that one bad row never sinks its message.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from hopline_collector.formats.decoded import Batch, Decoded, DecodeError, WireRow
from hopline_collector.formats.objects import WireReport, decode_objects, lenient_report, report_of, text_map

VERSION: Final = 1


class _Message(msgspec.Struct, array_like=True):
    version: int
    process: dict[str, str] | None
    rows: list[WireRow] | None = None
    report: WireReport | None = None


class _Loose(msgspec.Struct, array_like=True):
    version: int
    process: Any = None
    rows: Any = None
    report: Any = None


_wire = msgspec.msgpack.Decoder(_Message)
_wire_loose = msgspec.msgpack.Decoder(_Loose)


def decode(body: bytes) -> Decoded:
    """A message of topic ``hopline.spans`` or a body of ``POST /api/v1/spans``.

    The first byte tells JSON from MessagePack. Raises :class:`DecodeError` when
    nothing of it can be taken: ``malformed``, ``unknown_version``.
    """
    first = body[:1]
    if first in (b"[", b"{", b" ", b"\n", b"\r", b"\t"):
        return decode_objects(body, msgspec.json.decode)
    try:
        message = _wire.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _decode_apart(body)
    if message.version != VERSION:
        raise DecodeError("unknown_version", str(message.version))
    process = message.process or {}
    decoded = Decoded([Batch(process, message.rows)] if message.rows else [])
    if message.report is not None:
        decoded.reports.append(report_of(process, message.report))
    return decoded


def _decode_apart(body: bytes) -> Decoded:
    """A MessagePack message that the typed pass refused: an object list, another version, or bad rows."""
    head = body[0] if body else 0
    if 0x80 <= head <= 0x8F or head in (0xDE, 0xDF) or _first_is_map(body):
        return decode_objects(body, msgspec.msgpack.decode)
    try:
        message = _wire_loose.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return _decode_raw(body, error)
    if message.version != VERSION:
        raise DecodeError("unknown_version", str(message.version))
    process = text_map(message.process)
    rows: list[WireRow] = []
    indexes: list[int] = []
    decoded = Decoded()
    for index, fields in enumerate(message.rows if isinstance(message.rows, list) else ()):
        try:
            rows.append(_mended(fields))
            indexes.append(index)
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            decoded.refuse(index, "malformed_row", str(error), partial(_alone, process, fields))
    if rows:
        decoded.batches.append(Batch(process, rows, indexes))
    if isinstance(message.report, dict):
        decoded.reports.append(report_of(process, lenient_report(message.report)))
    return decoded


class _RawMessage(msgspec.Struct, array_like=True):
    version: int
    process: dict[str, str] | None
    rows: list[msgspec.Raw]


_raw_message = msgspec.msgpack.Decoder(_RawMessage)


def _decode_raw(body: bytes, cause: Exception) -> Decoded:
    """A message with text that is no UTF-8: each row stands for itself."""
    try:
        message = _raw_message.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise DecodeError("malformed", str(cause)) from cause
    if message.version != VERSION:
        raise DecodeError("unknown_version", str(message.version))
    rows: list[WireRow] = []
    indexes: list[int] = []
    decoded = Decoded()
    for index, raw in enumerate(message.rows):
        try:
            rows.append(_mended(msgspec.msgpack.decode(raw)))
            indexes.append(index)
        except (msgspec.MsgspecError, UnicodeError, TypeError, ValueError, RecursionError) as error:
            decoded.refuse(index, "malformed_row", str(error), partial(_alone, message.process or {}, raw))
    if rows:
        decoded.batches.append(Batch(message.process or {}, rows, indexes))
    return decoded


def _alone(process: dict[str, str], row: Any, whole: bool) -> bytes:
    return alone(process if whole else {}, row)


def alone(process: dict[str, str], row: Any) -> bytes:
    """A message that holds one row only: what a dead letter keeps, so that it can be sent again."""
    return message(process, [row])


def message(process: dict[str, str], rows: Sequence[Any]) -> bytes:
    """Rows of one process as a message of our wire.

    Numbers that JSON may hold and MessagePack may not are brought to its bounds.
    """
    try:
        return msgspec.msgpack.encode([VERSION, process, rows])
    except OverflowError:
        return msgspec.msgpack.encode([VERSION, process, _bounded(msgspec.to_builtins(rows, builtin_types=(bytes,)))])


def _bounded(value: Any) -> Any:
    if isinstance(value, int):
        return min(max(value, -(2**63)), 2**64 - 1)
    return [_bounded(item) for item in value] if isinstance(value, list | tuple) else value


def _first_is_map(body: bytes) -> bool:
    """Whether the body is an array whose first element is a map (rows as objects)."""
    head = body[0] if body else 0
    at = 1 if 0x90 <= head <= 0x9F else {0xDC: 3, 0xDD: 5}.get(head, 0)
    if not at:
        return False
    if head == 0x90 or len(body) <= at:
        return head == 0x90
    return 0x80 <= body[at] <= 0x8F or body[at] in (0xDE, 0xDF)


def _mended(fields: Any) -> WireRow:
    """One row whose tags or texts may have the wrong type; raises when the rest does not fit."""
    if not isinstance(fields, list):
        raise TypeError("a row is an array")
    fixed = list(fields)
    for position in (8, 19):
        if len(fixed) > position and isinstance(fixed[position], dict):
            fixed[position] = text_map(fixed[position])
    return msgspec.convert(fixed, WireRow)
