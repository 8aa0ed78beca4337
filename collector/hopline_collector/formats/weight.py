"""What a body costs, found before anything of it is made: that does not follow from its bytes.

The shortest row is a byte or two on the wire and half a kilobyte when it is decoded, an
empty list in a tag one byte and sixty, and what a resource says is kept with each of its
spans. Twenty megabytes of such take gigabytes. So rows, values and repeated facts are
counted while they are still byte strings, and only in bodies that could hold too many.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from hopline_collector.formats import fields
from hopline_collector.formats.proto import message_classes

ROWS_MOST: Final = 50_000
"""Rows of one body, refused ones too; for OTLP its resources and scopes count as rows."""

VALUES_MOST: Final = 2_000_000
"""Values of one body, at whatever depth: in JSON its commas and opening brackets."""

FIELDS_MOST: Final = 4_000_000
"""Fields of one body in protobuf; one that is a message itself counts as three."""

ROW_BYTES_MOST: Final = 4 * 1024 * 1024
"""Of one row in MessagePack, where its values cannot be counted without making them."""

REPEATED_MOST: Final = 48 * 1024 * 1024
"""Bytes of resources and scopes in OTLP, as often as they have spans: each row keeps them."""


class Excess(NamedTuple):
    """Why a body is not taken."""

    reason: str
    detail: str


TOO_MANY_ROWS: Final = Excess("too_many_rows", f"at most {ROWS_MOST} spans in one request")
TOO_MANY_VALUES: Final = Excess("too_many_values", "more values than one request may hold: send fewer spans at once")
TOO_LARGE_ROW: Final = Excess("too_large_row", f"at most {ROW_BYTES_MOST} bytes in one row")
TOO_MUCH_REPEATED: Final = Excess(
    "too_large_resource", f"resource and scope times their spans are over {REPEATED_MOST} bytes: send fewer at once"
)

_SPACE: Final = b" \t\r\n"
_Raws = list[msgspec.Raw]
_OTLP: Final = message_classes(
    "hopline.weight.otlp",
    "Request: repeated Resource r=1\n"
    "Resource: bytes resource=1; repeated Scope s=2\n"
    "Scope: bytes scope=1; repeated bytes spans=2",
)["Request"]
_ZIPKIN: Final = message_classes("hopline.weight.zipkin", "List: repeated bytes spans=1")["List"]


class _Scope(msgspec.Struct, gc=False):
    scope: msgspec.Raw = msgspec.Raw()
    spans: _Raws = []


class _Resource(msgspec.Struct, rename="camel", gc=False):
    resource: msgspec.Raw = msgspec.Raw()
    scope_spans: list[_Scope] = []


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[_Resource] = []


class _Rows(msgspec.Struct):
    rows: _Raws = []


def excess(form: str, body: bytes) -> Excess | None:
    """What of ``body`` is too much, None where nothing is; a body that cannot be counted is left to its decoder."""
    look = _LOOKS.get(form)
    if look is None or len(body) <= ROWS_MOST:
        return None
    json = _is_json(body)
    if json and len(body) > VALUES_MOST and sum(map(body.count, (b",", b"[", b"{"))) > VALUES_MOST:
        return TOO_MANY_VALUES
    try:
        return look(body, json)
    except Exception:
        # The decoder will say what is wrong with it.
        return None


def _is_json(body: bytes) -> bool:
    return body.lstrip(_SPACE)[:1] in (b"[", b"{")


def _few_elements(body: bytes) -> bool:
    """Whether a list in JSON cannot hold too many rows: there is a comma between each two."""
    return body.count(b",") < ROWS_MOST


def _native(body: bytes, json: bool) -> Excess | None:
    if json:
        return None if _few_elements(body) else _over(len(_rows(body, msgspec.json.decode)))
    rows = _rows(body, msgspec.msgpack.decode)
    return _over(len(rows)) or (_packed_values(rows) if len(body) > VALUES_MOST else None)


def _rows(body: bytes, decode: Callable[..., Any]) -> _Raws:
    try:
        found: _Raws = decode(body, type=_Raws)
    except msgspec.ValidationError:
        return list(decode(body, type=_Rows).rows)
    if len(found) > _PARTS_MOST or decode is msgspec.json.decode:
        return found
    return list(decode(found[_ROWS_AT], type=_Raws)) if len(found) > _ROWS_AT else []


def _packed_values(rows: _Raws) -> Excess | None:
    """Row by row, so that no more than one is made at a time."""
    room = VALUES_MOST
    for row in rows:
        if len(memoryview(row)) > ROW_BYTES_MOST:
            return TOO_LARGE_ROW
        room -= _values(msgspec.msgpack.decode(row))
        if room < 0:
            return TOO_MANY_VALUES
    return None


def _values(value: Any) -> int:
    """Values in a list or map, at whatever depth."""
    if isinstance(value, dict):
        return 2 * len(value) + sum(_values(v) for v in value.values() if isinstance(v, list | dict))
    if isinstance(value, list):
        return len(value) + sum(_values(v) for v in value if isinstance(v, list | dict))
    return 1


def _zipkin(body: bytes, json: bool) -> Excess | None:
    if json and _few_elements(body):
        return None
    if json:
        try:
            return _over(len(msgspec.json.decode(body, type=_Raws)))
        except msgspec.MsgspecError:
            # A line feed and a bracket also begin a protobuf list.
            return _over(len(_ZIPKIN.FromString(body).spans))
    return _over(len(_ZIPKIN.FromString(body).spans)) or _protobuf_fields(body, fields.ZIPKIN)


def _otlp(body: bytes, json: bool) -> Excess | None:
    if json and body[:1] != b"\n":
        told = msgspec.json.decode(body, type=_Request)
        return _shared(
            [
                (len(memoryview(r.resource)), [(len(memoryview(s.scope)), len(s.spans)) for s in r.scope_spans])
                for r in told.resource_spans
            ]
        )
    request = _OTLP.FromString(body)
    return _shared(
        (len(r.resource), [(len(s.scope), len(s.spans)) for s in r.s]) for r in request.r
    ) or _protobuf_fields(body, fields.OTLP)


def _shared(resources: Iterable[tuple[int, list[tuple[int, int]]]]) -> Excess | None:
    """Rows, and bytes that they share: ``resources`` are sizes, with size and spans of each scope."""
    rows = repeated = 0
    for resource, scopes in resources:
        rows += 1 + len(scopes) + sum(spans for _, spans in scopes)
        repeated += sum((resource + scope) * spans for scope, spans in scopes)
        if rows > ROWS_MOST:
            return TOO_MANY_ROWS
    return TOO_MUCH_REPEATED if repeated > REPEATED_MOST else None


def _over(rows: int) -> Excess | None:
    return TOO_MANY_ROWS if rows > ROWS_MOST else None


def _protobuf_fields(body: bytes, known: fields.Messages) -> Excess | None:
    # The shortest field is two bytes, and one that is a message counts as three.
    if len(body) * 3 // 2 <= FIELDS_MOST:
        return None
    return TOO_MANY_VALUES if fields.count(body, known, FIELDS_MOST) > FIELDS_MOST else None


_ROWS_AT: Final = 2
"""Place of the rows in a message of our wire, ``[version, process, rows, report]``."""
_PARTS_MOST: Final = 8
"""A message has four parts, later versions perhaps some more; a list of rows has as many as it likes."""

_LOOKS: Final[Mapping[str, Callable[[bytes, bool], Excess | None]]] = {
    "native": _native,
    "zipkin": _zipkin,
    "otlp": _otlp,
}
