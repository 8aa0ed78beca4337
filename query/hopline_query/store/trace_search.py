"""Searches for traces: which match, in which order, and what a page shows of them (Q2).

A trace is in a range if a row that meets the conditions on rows starts in it; order,
size and every other condition are the whole trace's (docs/api.md, "What a range means").

Settled traces are found in their one row each. Two kinds are judged from their rows by
the twin in memory, which knows every condition: traces that still move, and traces that
reach over an end of the range where a condition on rows is asked. Both are few.
"""

from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

from hopline.model import Row
from hopline_query.store.asking import Asker, statement
from hopline_query.store.beside import beside
from hopline_query.store.conditions import IN_HOURS, Conditions, Listed, term_list
from hopline_query.store.figures import days_of
from hopline_query.store.members import IN_RANGE, any_row, members
from hopline_query.store.memory import MemoryReader
from hopline_query.store.moving import NEVER_US, Moved, Moving, Stamp, resting
from hopline_query.store.paging import ASCENDING, Found, unite
from hopline_query.store.port import COUNTED, SearchQuery
from hopline_query.store.rows import row_of
from hopline_query.store.settled_rows import summary_of
from hopline_query.tree.build import LIMIT
from hopline_query.tree.summary import TraceSummary

VALUES = {
    "newest": "start_us",
    "oldest": "start_us",
    "longest": "duration_us",
    "shortest": "duration_us",
    "errors": "errors",
    "spans": "spans",
}
"""What each order compares: a column of ``settled``."""

HOUR_US = 3_600_000_000

STRADDLING = 300
"""Traces over an end of the range that are judged from their rows; of more, rows are asked in the store."""


Bounds = tuple[str, int, int]
"""Trace id, start of the first row, and a time after which none starts."""


def search(asker: Asker, moving: Moving, query: SearchQuery) -> Found:
    """See :class:`hopline_query.store.port.SpanReader`."""
    moved = moving.now(_moved_after(query))
    stamps = moved.stamps
    conditions = Conditions(indexed_keys(asker, query))
    whole = [*conditions.whole(query), *current(moved, conditions)]
    if query.settled_among is not None:
        whole.append(f"trace_id IN ({conditions.ids(query.settled_among)})")
    listed = conditions.listed(query)
    straddling: list[Bounds] = []
    found: Found | None = None
    if listed is not None:
        found, straddling = _by_settled(asker, query, conditions, whole, listed)
    if found is None or len(straddling) > STRADDLING:
        found, straddling = _by_rows(asker, query, conditions, whole), []
    if stamps is None:
        special = unite(
            _moving_sums(asker, query, conditions, moved.ids), _judged(asker, moving, {}, straddling, query), query
        )
    else:
        special = _judged(asker, moving, stamps, straddling, query)
    return unite(found, special, query)


def _judged(
    asker: Asker, moving: Moving, stamps: Mapping[str, Stamp], straddling: Sequence[Bounds], query: SearchQuery
) -> Found:
    """Moving and straddling traces, by their rows."""
    rows = moving.rows(stamps, LIMIT) + rows_between(asker, straddling)
    return MemoryReader(rows, judge=asker.judge).search(query) if rows else ([], 0)


def _by_settled(
    asker: Asker, query: SearchQuery, conditions: Conditions, whole: Sequence[str], listed: Listed
) -> tuple[Found, list[Bounds]]:
    """What settled rows alone tell: the page, and beside it how many match and which traces only their rows can judge.

    A page of the newest or the oldest is looked for in the hours at that end first.
    """
    # What only a row can tell is told by the settled row where all of its rows lie in the range.
    inside, straddling = (INSIDE, STRADDLES) if query.by_any_row else (SURE, COVERING)
    near = near_end(query)
    told = [listed.told] if listed.told else []
    inside = " AND ".join([inside, *told, *whole, *listed.met])
    straddling = " AND ".join([straddling, *told, *whole, *listed.possible])
    parts = {"inside": inside, "straddling": straddling, "untold": _untold(listed, whole)}
    parts |= {"counted": str(COUNTED + 1), "straddlers": str(STRADDLING + 1)}
    after = _after(query, conditions)
    bounds = conditions.parameters | _bounds(query)
    first = beside(lambda: page_of(asker, f"{inside}{near}{after}", query, bounds))
    total, judged = 0, []
    for kind, trace_id, low, high in asker.rows(Template(statement("search")).safe_substitute(parts), bounds):
        if kind == 0:
            total = int(low)
        else:
            judged.append((trace_id, int(low), int(high)))
    page = first()
    if near and len(page) < min(query.limit, total):
        page = page_of(asker, f"{inside}{after}", query, bounds)
    return (page, total), judged


def page_of(asker: Asker, where: str, query: SearchQuery, bounds: Mapping[str, Any]) -> list[TraceSummary]:
    """The first settled traces that meet ``where``, in the order of the query."""
    page = {"page": where, "order": _order(query, "trace_id"), "limit": str(int(query.limit))}
    text = Template(statement("search_page")).safe_substitute(page)
    return [summary_of(row[0]) for row in asker.rows(text, bounds)]


def _untold(listed: Listed, whole: Sequence[str]) -> str:
    """SQL of the traces whose settled row does not tell what is asked."""
    if not listed.told:
        return ""
    parts = [OVERLAPPING, f"NOT {listed.told}", *whole]
    return Template(statement("search_untold")).safe_substitute(untold=" AND ".join(parts), straddlers=STRADDLING + 1)


def near_end(query: SearchQuery) -> str:
    """SQL of the hours where the page of a search by time lies most likely; empty where all hours are to be read."""
    if query.order_by not in {"newest", "oldest"} or query.uid:
        return ""
    scope, at = query.scope, query.after[0] if query.after else None
    if query.order_by == "newest":
        hour = (scope.to_us if at is None else min(at, scope.to_us)) // HOUR_US - 1
        return f" AND intDiv(start_us, {HOUR_US}) >= {hour}" if hour * HOUR_US > scope.from_us else ""
    hour = max(at or 0, scope.from_us) // HOUR_US + 1
    return f" AND intDiv(start_us, {HOUR_US}) <= {hour}" if (hour + 1) * HOUR_US < scope.to_us else ""


def _by_rows(asker: Asker, query: SearchQuery, conditions: Conditions, whole: Sequence[str]) -> Found:
    """The page and the number of matches where the rows in the range are to be asked."""
    text = Template(statement("search_by_rows")).safe_substitute(
        where=" AND ".join([OVERLAPPING, *whole, *(members(query, conditions) or [any_row()])]),
        following=_after(query, conditions).removeprefix(" AND ") or "1",
        order=_order(query, "trace_id"),
        limit=str(int(query.limit)),
    )
    rows = asker.rows(text, conditions.parameters | _bounds(query))
    keys = [(row[0], row[1], row[2], row[3]) for row in rows if row[4]]
    return summaries(asker, keys), int(rows[0][5]) if rows else 0


def _after(query: SearchQuery, conditions: Conditions) -> str:
    """SQL: what follows the last trace of the page before."""
    if query.after is None:
        return ""
    sign = ">" if query.order_by in ASCENDING else "<"
    last, trace_id = conditions.bind(query.after[0], "UInt64"), conditions.bind(query.after[1])
    return f" AND ({VALUES[query.order_by]}, trace_id) {sign} ({last}, toFixedString(unhex({trace_id}), 16))"


def _order(query: SearchQuery, trace_id: str, value: str = "") -> str:
    way = "ASC" if query.order_by in ASCENDING else "DESC"
    return f"{value or VALUES[query.order_by]} {way}, {trace_id} {way}"


def _bounds(query: SearchQuery) -> dict[str, int]:
    return {"from_us": query.scope.from_us, "to_us": query.scope.to_us, "moved_after": _moved_after(query)}


Key = tuple[str, int, int, int]
"""Trace id, version, start and duration of a settled row: they find it by the primary key."""


INSIDE = f"{IN_RANGE} AND {IN_HOURS} AND last_us < {{to_us:UInt64}}"
"""All rows of the trace start in the range."""

STRADDLES = (
    "last_us >= {from_us:UInt64} AND start_us < {to_us:UInt64}"
    " AND (start_us < {from_us:UInt64} OR last_us >= {to_us:UInt64})"
)
"""Rows of the trace start on both sides of an end of the range."""

SURE = (
    "last_us >= {from_us:UInt64} AND start_us < {to_us:UInt64}"
    " AND (start_us >= {from_us:UInt64} OR last_us < {to_us:UInt64})"
)
"""The first or the last row starts in the range."""

COVERING = "start_us < {from_us:UInt64} AND last_us >= {to_us:UInt64}"
"""The trace began before the range and went on after it: whether a row starts in it, only the rows tell."""

OVERLAPPING = "last_us >= {from_us:UInt64} AND start_us < {to_us:UInt64}"
"""Rows of the trace may start in the range."""


def current(moved: Moved, conditions: Conditions) -> list[str]:
    """Only rows that count: not replaced by a newer one, and none of a trace that moves."""
    replaced = "SELECT trace_id, version FROM $database.settled_stale WHERE start_us < {to_us:UInt64}"
    return [f"(trace_id, version) NOT IN ({replaced})", *resting(moved, conditions)]


def _moved_after(query: SearchQuery) -> int:
    """Traces that rows came for later than this are judged from their rows, as they were then."""
    return query.as_of_us if query.after else NEVER_US


def summaries(asker: Asker, keys: Sequence[Key]) -> list[TraceSummary]:
    """The settled rows of a page, in its order."""
    if not keys:
        return []
    places = {"starts": [key[2] for key in keys], "durations": [key[3] for key in keys]}
    wanted = {(key[0], key[1]): place for place, key in enumerate(keys)}
    found = {}
    for trace_id, version, body in asker.file("settled_rows", places | {"ids": [key[0] for key in keys]}):
        if (place := wanted.get((trace_id, version))) is not None:
            found[place] = summary_of(body)
    return [found[place] for place in sorted(found)]


def _moving_sums(asker: Asker, query: SearchQuery, conditions: Conditions, moving: str) -> Found:
    """Moving traces by the sums of their rows as they came; what a page shows of them is read from their rows."""
    shown, total = moving_found(asker, query, conditions, moving)
    return MemoryReader(rows_between(asker, shown)).summaries(), total


def rows_between(asker: Asker, found: Sequence[Bounds]) -> list[Row]:
    """All rows of these traces, which lie between the first start and the last time of each."""
    if not found:
        return []
    where = {"ids": [one[0] for one in found], "limit": LIMIT}
    where |= {"low": min(one[1] for one in found), "high": max(one[2] for one in found)}
    return [row_of(values) for values in asker.file("trace_rows", where)]


def moving_found(asker: Asker, query: SearchQuery, conditions: Conditions, moving: str) -> tuple[list[Bounds], int]:
    """A page of the traces that ``moving`` names and that match, and how many do."""
    wanted = "".join(f" AND {part}" for part in members(query, conditions) or [any_row()])
    whole = "".join(f" AND {part}" for part in conditions.whole(query))
    after = ""
    if query.after is not None:
        sign = ">" if query.order_by in ASCENDING else "<"
        last, trace_id = conditions.bind(query.after[0], "UInt64"), conditions.bind(query.after[1])
        after = f" WHERE (value, id) {sign} ({last}, {trace_id})"
    text = Template(statement("moving_sums")).safe_substitute(
        moving=moving,
        members=wanted,
        whole=whole,
        value=VALUES[query.order_by],
        after=after,
        order=_order(query, "id", "value"),
    )
    found = asker.rows(text, conditions.parameters | _bounds(query) | {"limit": query.limit})
    return [(row[0], int(row[3]), int(row[4])) for row in found], int(found[0][2]) if found else 0


def indexed_keys(asker: Asker, query: SearchQuery) -> frozenset[str]:
    """Keys compared for equality that are tags, and attrs of no row, in these days."""
    asked = [term for part in (query.expression, *query.same) for term in term_list(part)]
    keys = [term.key for term in asked if term.op == "=" and not term.field]
    if not keys:
        return frozenset()
    found = asker.remembered(statement("indexed_keys"), days_of(query.scope) | {"keys": keys})
    return frozenset(row[0] for row in found)
