"""A user's traces, and days: how many began on each, how many failed, when the first and the last began (Q3)."""

from string import Template

from hopline_query.store.asking import Asker, statement
from hopline_query.store.beside import beside
from hopline_query.store.conditions import Conditions
from hopline_query.store.days import united
from hopline_query.store.memory import MemoryReader
from hopline_query.store.moving import NEVER_US, Moving, rows_of
from hopline_query.store.paging import Found, unite
from hopline_query.store.port import COUNTED, SearchQuery, UserDay
from hopline_query.store.trace_search import COVERING, OVERLAPPING, SURE, current, page_of
from hopline_query.tree.build import LIMIT

Page = tuple[Found, list[UserDay]]
"""A page of a user's traces and the number of them, and their days."""


def user_page(asker: Asker, moving: Moving, query: SearchQuery) -> Page | None:
    """The first page of all of a user's traces, the newest first, and their days; None where this must be looked for.

    Not for traces that lie on both sides of the whole range, nor while a great many move.
    """
    moved = moving.now()
    stamps = moved.stamps
    # Nothing else is asked of the rows, so it does not matter whether they may meet it in parts.
    plain = SearchQuery(query.scope, query.uid, in_parts=query.in_parts, limit=query.limit, as_of_us=query.as_of_us)
    if stamps is None or query != plain:
        return None
    conditions = Conditions()
    where = " AND ".join([OVERLAPPING, *conditions.whole(query), *current(moved, conditions)])
    bounds = conditions.parameters | {"from_us": query.scope.from_us, "to_us": query.scope.to_us}
    first = beside(lambda: page_of(asker, where, query, bounds))
    rows = asker.rows(Template(statement("user_page")).safe_substitute(where=where, covering=COVERING), bounds)
    page = first()
    if any(row[5] for row in rows):
        return None
    days = {int(row[0]): UserDay(*row[:5]) for row in rows}
    settled: Found = page, min(sum(day.traces for day in days.values()), COUNTED + 1)
    reader = MemoryReader(moving.rows(stamps, LIMIT))
    return unite(settled, reader.search(query), query), _merged(days, reader.user_days(query.uid, query.scope))


def _merged(days: dict[int, UserDay], moving: list[UserDay]) -> list[UserDay]:
    for day in moving:
        known = days.get(day.day_us)
        days[day.day_us] = day if known is None else united(known, day)
    return [days[day_us] for day_us in sorted(days, reverse=True)]


def user_days(asker: Asker, moving: Moving, query: SearchQuery) -> list[UserDay]:
    """The days of the traces of ``query``, the newest first; a trace is of the day it began."""
    moved = moving.now()
    stamps = moved.stamps
    conditions = Conditions()
    where = " AND ".join([SURE, *conditions.whole(query), *current(moved, conditions)])
    text = Template(statement("user_days")).safe_substitute(where=where)
    bounds = {"from_us": query.scope.from_us, "to_us": query.scope.to_us, "moved_after": NEVER_US}
    days = {int(row[0]): UserDay(*row) for row in asker.rows(text, conditions.parameters | bounds)}
    if stamps is None:
        named = Template(statement("moving_of_user")).safe_substitute(moving=moved.ids)
        found = asker.rows(named, {"uid": query.uid, "moved_after": NEVER_US})
        rows = list(rows_of(asker, [row[0] for row in found], LIMIT))
    else:
        rows = moving.rows(stamps, LIMIT)
    return _merged(days, MemoryReader(rows).user_days(query.uid, query.scope))
