"""Unite the copies and the parts of a row, and give every trace one order (T8, T10, N1, N2).

A row may be read several times: sent again, delivered again, first unfinished and later
finished, or in parts (Zipkin allows it: start and name first, duration and tags later).
Input order and duplication never show in the result.
"""

from collections.abc import Iterable
from dataclasses import fields, replace
from operator import attrgetter

from hopline.model import Row
from hopline_collector.block.parts import REUSED_US
from hopline_query.tree.marks import has_start, settled_tags

UNNAMED = frozenset({"", "unknown"})
"""What stands for a name that was not sent; any other text is preferred."""

_TEXTS = tuple(f.name for f in fields(Row) if f.type in {"str", str} and f.name not in {"trace_id", "id", "kind"})
_FACTS = attrgetter(*(f.name for f in fields(Row) if f.name != "arrived"))


def unite(rows: Iterable[Row]) -> list[Row]:
    """One row per identity, in time order; the input rows stay unchanged.

    Identity is (id, kind, service, instance): two services that report one id stay two rows,
    as do two uses of one id hours apart. Of rows without an id only exact copies fall together.
    """
    united = [_merge(copies) for copies in copies_of(rows)]
    united.sort(key=order)
    return united


def copies_of(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows of each identity: copies and parts of one span."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(_identity(row), []).append(row)
    return [use for copies in groups.values() for use in _uses(copies)]


def order(row: Row) -> tuple[int, str, str, str, str, str, str]:
    """Total order of united rows: by start, then by what tells them apart."""
    return (row.start_us or 0, row.span_id, row.id, row.kind, row.service, row.instance, row.name)


def _identity(row: Row) -> tuple[str, ...]:
    if row.id:
        return (row.id, row.kind, row.service, row.instance)
    return ("", repr(_FACTS(row)))


def _uses(copies: list[Row]) -> list[list[Row]]:
    """The copies of each use of one id, told apart by their times."""
    if len(copies) == 1:
        return [copies]
    uses: list[list[Row]] = []
    reach = 0
    for copy in sorted(copies, key=lambda row: row.start_us or 0):
        start = copy.start_us or 0
        if not uses or (reach > 0 and start > reach + REUSED_US):
            uses.append([])
            reach = 0
        uses[-1].append(copy)
        reach = max(reach, start + max(copy.duration_us or 0, 0))
    return uses


def _merge(copies: list[Row]) -> Row:
    if len(copies) == 1:
        return copies[0]
    ranked = sorted(copies, key=_preference, reverse=True)
    best = ranked[0]
    if all(copy == best for copy in ranked):
        return best
    texts = {
        name: next((text for row in ranked if (text := getattr(row, name)) not in UNNAMED), getattr(best, name))
        for name in _TEXTS
    }
    told = [row for row in ranked if has_start(row)]
    flags = 0
    for row in ranked:
        flags |= row.flags
    return replace(
        best,
        **texts,
        start_us=min((row.start_us for row in told or ranked if row.start_us > 0), default=best.start_us),
        duration_us=max((row.duration_us for row in ranked if row.duration_us is not None), default=None),
        parent_id=next((row.parent_id for row in ranked if row.parent_id), None),
        error=any(row.error for row in ranked),
        annotations=sorted({(a[0], a[1], a[2]) for row in ranked for a in row.annotations}),
        links=sorted({(x[0], x[1], x[2]) for row in ranked for x in row.links}),
        tags=settled_tags(ranked, {key: value for row in reversed(ranked) for key, value in row.tags.items()}),
        attrs={key: value for row in reversed(ranked) for key, value in row.attrs.items()},
        children=max(row.children for row in ranked),
        flags=flags,
        weight=max(row.weight for row in ranked),
        attempt=max(row.attempt for row in ranked),
        arrived=max(row.arrived for row in ranked),
    )


def _preference(row: Row) -> tuple[bool, int, int, str]:
    """Finished first, then the newest; the text makes the choice independent of input order."""
    return (row.duration_us is not None, row.arrived, row.children, repr(row))
