"""Attributes `hopline.*` of an OTLP span: what our own export says of a row and OTLP has no field for.

They are no tags: a row that went out as OTLP and comes in again is the row that it was
(hopline_query.exports.otlp writes them).
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hopline.model import DEBUG, KINDS, LOAD_TEST, SAMPLED
from hopline_collector.formats.decoded import FLAG_ERROR, WireRow

PREFIX: Final = "hopline."
OWN: Final = frozenset(
    {
        *("id", "parent_id", "name", "peer", "peer_kind", "uid", "weight", "children", "attempt", "error"),
        *("error_type", "error_text", "caller", "load_test", "debug", "sampled", "link_kinds", "attrs", "added"),
    }
)
"""Names after the prefix that mean something. ``attrs`` lists keys that are attrs and no tags, ``added`` those of
attributes that the export made for other readers."""

_TEXTS: Final = ("name", "peer", "peer_kind", "uid", "error_type", "error_text")
_NUMBERS: Final = ("weight", "children", "attempt")
_FLAGS: Final = (("load_test", LOAD_TEST), ("debug", DEBUG), ("sampled", SAMPLED), ("error", FLAG_ERROR))


def is_own(key: str) -> bool:
    """Whether an attribute is one of ours."""
    return key.startswith(PREFIX) and key.removeprefix(PREFIX) in OWN


def taken(found: dict[str, str]) -> dict[str, str]:
    """Our own attributes, taken out of ``found``, by their names without the prefix."""
    return {key.removeprefix(PREFIX): found.pop(key) for key in [key for key in found if is_own(key)]}


def restore(row: WireRow, own: Mapping[str, str]) -> None:
    """Set what ``own`` says of the row. What cannot be read is left as it was."""
    fields: Any = row
    for name in _TEXTS:
        if name in own:
            setattr(fields, name, own[name])
    for name in _NUMBERS:
        if own.get(name, "").isdecimal() and len(own[name]) < 19:
            setattr(fields, name, int(own[name]))
    row.id, row.parent_id = _id(own, "id", row.id), _id(own, "parent_id", row.parent_id)
    for name, bit in _FLAGS:
        if name in own:
            row.flags = (row.flags or 0) & ~bit | (bit if own[name] == "true" else 0)
    caller = _texts(own.get("caller", ""))
    row.caller = caller if len(caller) == 4 else row.caller
    kinds = _texts(own.get("link_kinds", ""))
    if len(kinds) == len(row.links or ()) and set(kinds) <= set(KINDS):
        row.links = [(link[0], link[1], KINDS.index(kind)) for link, kind in zip(row.links or (), kinds, strict=True)]
    _sort(row, _texts(own.get("attrs", "")), _texts(own.get("added", "")))


def _sort(row: WireRow, as_attrs: list[str], added: list[str]) -> None:
    """Put attributes where the row had them, and drop those that only the export made."""
    found = (row.attrs or {}) | (row.tags or {})
    for key in added:
        found.pop(key, None)
    if as_attrs or added:
        known = frozenset(as_attrs) | (row.attrs or {}).keys()
        row.attrs = {key: value for key, value in found.items() if key in known} or None
        row.tags = {key: value for key, value in found.items() if key not in known}


def _id(own: Mapping[str, str], name: str, known: int | None) -> int | None:
    text = own.get(name)
    if text is None or len(text) > 16:
        return known
    try:
        return int(text, 16) if text else 0
    except ValueError:
        return known


def _texts(value: str) -> list[str]:
    try:
        return msgspec.json.decode(value, type=list[str]) if value else []
    except msgspec.MsgspecError:
        return []
