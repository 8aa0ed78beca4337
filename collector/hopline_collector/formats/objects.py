"""Rows as objects, as ``docs/row.md`` writes them: JSON, or MessagePack of the same structure."""

import json
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import msgspec

from hopline.model import FLAG_NAMES, KINDS, PROCESS_FIELDS, WEIGHT_ONE
from hopline_collector.formats.decoded import FLAG_ERROR, Batch, Decoded, DecodeError, Report, WireRow

SOURCE_TRACE_ID_TAG: Final = "source.trace_id"

_KIND_NUMBERS: Final = {name: number for number, name in enumerate(KINDS)}


class WireReport(msgspec.Struct):
    """Counters since the process started, as they travel."""

    at_us: int = 0
    recorded: int = 0
    sent: int = 0
    dropped: dict[str, int] = {}
    depth: int = 0


class JsonRow(msgspec.Struct):
    """One row as ``docs/row.md`` writes it."""

    trace_id: str
    kind: str
    name: str
    start_us: int
    service: str | None = None
    span_id: str | None = None
    id: str | None = None
    parent_id: str | None = None
    duration_us: int | None = None
    instance: str | None = None
    host: str | None = None
    zone: str | None = None
    env: str | None = None
    version: str | None = None
    error: bool | None = False
    error_type: str | None = None
    error_text: str | None = None
    caller_service: str | None = None
    caller_instance: str | None = None
    caller_zone: str | None = None
    caller_name: str | None = None
    peer: str | None = None
    peer_kind: str | None = None
    uid: str | None = None
    annotations: list[tuple[int, str, str]] | None = None
    tags: dict[str, str] | None = None
    attrs: dict[str, str] | None = None
    links: list[tuple[str, str, str]] | None = None
    children: int | None = 0
    flags: dict[str, bool | None] | None = None
    weight: int | None = WEIGHT_ONE
    attempt: int | None = 0


class _Envelope(msgspec.Struct):
    rows: list[msgspec.Raw] | None = None
    process: dict[str, str] | None = None
    report: WireReport | None = None


def decode_objects(body: bytes, parse: Callable[..., Any]) -> Decoded:
    """Rows as objects: a list of them, or an object with ``rows``, ``process`` and ``report``."""
    try:
        envelope = _envelope(body, parse)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        repaired = repaired_json(body)
        if repaired is None:
            raise DecodeError("malformed", str(error)) from error
        return decode_objects(repaired, parse)
    if envelope.rows is None and envelope.report is None:
        raise DecodeError("malformed", "neither rows nor report")
    process = envelope.process or {}
    decoded = Decoded()
    grouped: dict[tuple[str, ...], Batch] = {}
    for index, raw in enumerate(envelope.rows or ()):
        try:
            row = _object_row(raw, parse)
            wire = wire_row(row)
            if row.service is None and "service" not in process:
                raise ValueError("Object missing required field `service`")
        except (msgspec.MsgspecError, UnicodeError, TypeError, ValueError, RecursionError) as error:
            decoded.refuse(index, "malformed_row", str(error)[:500], partial(_alone, process, raw, parse))
            continue
        facts = tuple(getattr(row, name) or process.get(name, "") for name in PROCESS_FIELDS)
        batch = grouped.get(facts)
        if batch is None:
            batch = grouped[facts] = Batch(dict(zip(PROCESS_FIELDS, facts, strict=True)), [], [])
        batch.rows.append(wire)
        assert batch.indexes is not None
        batch.indexes.append(index)
    decoded.batches.extend(grouped.values())
    if envelope.report is not None:
        decoded.reports.append(report_of(process, envelope.report))
    return decoded


def _alone(process: dict[str, str], row: msgspec.Raw, parse: Callable[..., Any], whole: bool) -> bytes:
    """A body that holds one row only: what a dead letter keeps, so that it can be posted again."""
    dump = msgspec.json.encode if parse is msgspec.json.decode else msgspec.msgpack.encode
    return dump({"process": process if whole else {}, "rows": [row]})


def _envelope(body: bytes, parse: Callable[..., Any]) -> _Envelope:
    if body.lstrip()[:1] == b"{" or (body[:1] > b"\x7f" and not _is_array(body)):
        envelope: _Envelope = parse(body, type=_Envelope)
        return envelope
    return _Envelope(parse(body, type=list[msgspec.Raw]))


def repaired_json(body: bytes) -> bytes | None:
    """JSON whose only fault is text that is no Unicode (lone surrogates, bad bytes), made good; else None."""
    try:
        found = json.loads(body.decode("utf-8", "replace"))
        repaired = json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return None
    return None if repaired == body else repaired


def _is_array(body: bytes) -> bool:
    return 0x90 <= body[0] <= 0x9F or body[0] in (0xDC, 0xDD)


def _object_row(raw: msgspec.Raw, parse: Callable[..., Any]) -> JsonRow:
    """One typed row; tag values that are no text become text."""
    try:
        row: JsonRow = parse(raw, type=JsonRow)
    except (msgspec.ValidationError, UnicodeError):
        fields = parse(raw)
        if not isinstance(fields, dict):
            raise
        for name in ("tags", "attrs"):
            if isinstance(fields.get(name), dict):
                fields[name] = text_map(fields[name])
        row = msgspec.convert(fields, JsonRow)
    return row


def wire_row(row: JsonRow) -> WireRow:
    """The wire's shape of an object row. Raises ValueError for a bad id, kind or link."""
    kind = _KIND_NUMBERS.get(row.kind)
    if kind is None:
        raise ValueError(f"unknown kind {row.kind[:40]!r}")
    trace_id, spelling = trace_id_bytes(row.trace_id)
    tags = row.tags
    if spelling:
        tags = {**(tags or {}), SOURCE_TRACE_ID_TAG: spelling}
    caller = [row.caller_service or "", row.caller_instance or "", row.caller_zone or "", row.caller_name or ""]
    return WireRow(
        trace_id,
        row.span_id,
        _number(row.id),
        _number(row.parent_id),
        kind,
        row.name,
        row.start_us,
        row.duration_us,
        tags,
        row.children,
        _flags(row),
        row.uid,
        caller if any(caller) else None,
        row.peer,
        row.peer_kind,
        row.weight,
        row.error_type,
        row.error_text,
        row.annotations,
        row.attrs,
        [_link(link) for link in row.links] if row.links else None,
        row.attempt,
    )


def trace_id_bytes(text: str) -> tuple[bytes, str]:
    """The 16 bytes of a trace id and, where they are a digest, its own spelling.

    32 hex digits are taken as they are, 16 are padded on the left; any other 1 to 64
    characters of ``[0-9A-Za-z._-]`` stand under a digest. Raises ValueError otherwise.
    """
    if len(text) in (16, 32):
        try:
            found = bytes.fromhex(text)
        except ValueError:
            pass
        else:
            if len(found) * 2 == len(text) and any(found):
                return found.rjust(16, b"\0"), ""
    if 1 <= len(text) <= 64 and text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return blake2b(text.encode(), digest_size=16).digest(), text
    raise ValueError(f"not a trace id: {text[:80]!r}")


def _number(text: str | None) -> int:
    if not text:
        return 0
    if len(text) > 16 or not text.isascii() or not text.isalnum():
        raise ValueError(f"not an id of 16 hex digits: {text[:40]!r}")
    return int(text, 16)


def _link(link: tuple[str, str, str]) -> tuple[bytes, int, int]:
    trace_id, row_id, kind = link
    return trace_id_bytes(trace_id)[0], _number(row_id), _KIND_NUMBERS.get(kind, 0)


def _flags(row: JsonRow) -> int:
    named = {"sampled": True} if row.flags is None else row.flags
    bits = sum(bit for name, bit in FLAG_NAMES.items() if named.get(name))
    return bits | (FLAG_ERROR if row.error else 0)


def text_map(found: Any) -> dict[str, str]:
    """A map whose keys and values are made text; empty for anything that is no map."""
    if not isinstance(found, dict):
        return {}
    return {_text(key): _text(value) for key, value in found.items()}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def report_of(process: dict[str, str], found: WireReport) -> Report:
    """The counters together with whose they are."""
    return Report(process, found.at_us, found.recorded, found.sent, found.dropped, found.depth)


def lenient_report(found: dict[Any, Any]) -> WireReport:
    """The counters of an untyped map; zeros where it does not fit."""
    try:
        return msgspec.convert(found, WireReport)
    except msgspec.ValidationError:
        return WireReport()
