"""Span ids for an answer in which none may stand twice.

Zipkin's two halves of a call share an id, and faulty senders use one twice. In OTLP an id is one
span's: of several rows the caller's keeps it, the others get one made of what tells them apart.
"""

from collections.abc import Sequence
from hashlib import blake2b

from hopline.model import CALL_KINDS, Row

TOP_BIT = 1 << 63


def unique(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """``(id, parent id)`` of each row in one answer; a child of a shared id follows the half in its own service."""
    holders: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        holders.setdefault(row.id, []).append(place)
    own = [row.id for row in rows]
    taken = set(holders)
    for places in holders.values():
        first = min(places, key=lambda place: (rows[place].kind not in CALL_KINDS, place))
        for place in places:
            if place != first or not own[place]:
                own[place] = _other(rows[place], place, taken)
                taken.add(own[place])
    return [(own[place], _parent(row, rows, own, holders)) for place, row in enumerate(rows)]


def _other(row: Row, place: int, taken: set[str]) -> str:
    """Another id: the same with its top bit flipped where that is free, else one made from the row."""
    flipped = f"{int(row.id or '0', 16) ^ TOP_BIT:016x}"
    if row.id and flipped not in taken:
        return flipped
    salt = place
    while True:
        text = f"{row.id}/{row.kind}/{row.service}/{row.instance}/{row.span_id}/{salt}"
        found = blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
        if found not in taken and found.strip("0"):
            return found
        salt += len(taken)


def _parent(row: Row, rows: Sequence[Row], own: Sequence[str], holders: dict[str, list[int]]) -> str:
    """The parent's id in the answer."""
    same = [place for place in holders.get(row.id, ()) if rows[place] is not row]
    if row.kind == "server" and row.id:
        called = [place for place in same if rows[place].kind == "client"]
        if called:
            return own[called[0]]
    known = holders.get(row.parent_id or "", []) if row.parent_id else []
    if len(known) < 2:
        return row.parent_id or ""
    near = [place for place in known if rows[place].service == row.service]
    inner = [place for place in near if rows[place].kind not in CALL_KINDS]
    return own[(inner or near or known)[0]]
