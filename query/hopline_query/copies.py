"""Unite the copies of a row, and give every trace one order (T8, T10).

A row may be read several times: sent again, delivered again, or first unfinished
and later finished. Input order and duplication never show in the result.
"""

from collections.abc import Iterable
from dataclasses import replace

from hopline.model import Row

Identity = tuple[str, str, str, str, str, int]


def unite(rows: Iterable[Row]) -> list[Row]:
    """One row per identity, in time order; the input rows stay unchanged.

    Identity is (id, kind), and the place where it ran: two servers that answered one
    call under the caller's own id both stay (T9). A row without an id is known by its
    path and start.
    """
    groups: dict[Identity, list[Row]] = {}
    for row in rows:
        groups.setdefault(_identity(row), []).append(row)
    united = [copies[0] if len(copies) == 1 else _merge(copies) for copies in groups.values()]
    united.sort(key=order)
    return united


def order(row: Row) -> tuple[int, str, str, str, str, str, str]:
    """Total order of united rows: by start, then by what tells them apart."""
    return (row.start_us or 0, row.span_id, row.id, row.kind, row.service, row.instance, row.name)


def _identity(row: Row) -> Identity:
    if row.id:
        return (row.id, row.kind, row.service, row.instance, "", 0)
    return ("", row.kind, row.service, row.instance, f"{row.span_id} {row.name}", row.start_us or 0)


def _merge(copies: list[Row]) -> Row:
    best = max(copies, key=_preference)
    if all(copy == best for copy in copies):
        return best
    return replace(
        best,
        annotations=sorted({(a[0], a[1], a[2]) for copy in copies for a in copy.annotations}),
        links=sorted({(x[0], x[1], x[2]) for copy in copies for x in copy.links}),
        children=max(copy.children for copy in copies),
        arrived=max(copy.arrived for copy in copies),
        uid=best.uid or max(copy.uid for copy in copies),
    )


def _preference(row: Row) -> tuple[bool, int, int, str]:
    """Finished first, then the newest; the text makes the choice independent of input order."""
    return (row.duration_us is not None, row.arrived, row.children, repr(row))
