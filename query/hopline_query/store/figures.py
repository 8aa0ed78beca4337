"""Figures, map and names out of the roll-ups (D, L, Q4): which table, which slots, which columns."""

from dataclasses import replace
from datetime import UTC, datetime
from string import Template
from typing import Any

from hopline_query.latency import Figures
from hopline_query.store.asking import Asker, statement
from hopline_query.store.conditions import Conditions
from hopline_query.store.port import GROUPS, Cell, Edge, ErrorGroup, FiguresQuery, Scope

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
HALF_DAY_US = 12 * HOUR_US
DAY_US = 24 * HOUR_US

GROUP_LIMIT = 20_000
"""Groups times slots in one answer of the store."""


def slot_length(query: FiguresQuery) -> int:
    """Microseconds of the slots to read: the widest that fits the step, or the range."""
    if query.group in {"instance", "zone"}:
        return MINUTE_US
    if query.group == "caller":
        return edge_slot(query.scope) if not query.step_us else HOUR_US if query.step_us % HOUR_US == 0 else MINUTE_US
    if query.step_us:
        return next((w for w in (HOUR_US, MINUTE_US) if query.step_us % w == 0), 10 * SECOND_US)
    width = query.scope.to_us - query.scope.from_us
    return 10 * SECOND_US if width <= HOUR_US else MINUTE_US if width <= HALF_DAY_US else HOUR_US


def edge_slot(scope: Scope) -> int:
    """Microseconds of the map's slots for a range."""
    return MINUTE_US if scope.to_us - scope.from_us <= HALF_DAY_US else HOUR_US


def cut(scope: Scope, slot_us: int) -> Scope:
    """The range widened to whole slots: what is really read."""
    return replace(scope, from_us=scope.from_us // slot_us * slot_us, to_us=-(-scope.to_us // slot_us) * slot_us)


def figures(asker: Asker, query: FiguresQuery) -> tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    slot_us = slot_length(query)
    scope = cut(query.scope, max(slot_us, query.step_us))
    conditions = Conditions()
    keys = GROUPS[query.group]
    where = _where(query, scope, conditions)
    table = _table(query, slot_us)
    text = Template(statement("figures")).safe_substitute(
        keys=", ".join(_column(key, query) for key in keys),
        step=str((query.step_us or scope.to_us) // SECOND_US or 1),
        hist="sumMap(s.hist)" if query.histogram else "map()",
        table=table,
        where=where,
        limit=str(GROUP_LIMIT),
    )
    answer = {}
    for row in asker.rows(text, conditions.parameters | _slots(scope)):
        key, (slot, calls, errors, rows, total, longest, hist, last) = row[: len(keys)], row[len(keys) :]
        start = slot * SECOND_US if query.step_us else scope.from_us
        answer[tuple(map(str, key)), start] = Figures(calls, errors, rows, total, longest, dict(hist), last * SECOND_US)
    return answer, scope, slot_us


def edges(asker: Asker, scope: Scope) -> tuple[list[Edge], Scope]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    slot_us = edge_slot(scope)
    scope = cut(scope, slot_us)
    conditions = Conditions()
    text = Template(statement("edges")).safe_substitute(
        table="all_edges_1m" if slot_us == MINUTE_US else "all_edges_1h", where=_shared(scope, conditions)
    )
    found = []
    for row in asker.rows(text, conditions.parameters | _slots(scope)):
        caller, callee, side, calls, errors, rows, total, longest, hist, last, crossed = row
        value = Figures(calls, errors, rows, total, longest, dict(hist), last)
        found.append(Edge(caller, callee, side, value, crossed))
    return found, scope


def error_groups(asker: Asker, scope: Scope, service: str, operation: str, limit: int) -> tuple[list[ErrorGroup], bool]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    scope = cut(scope, MINUTE_US)
    conditions = Conditions()
    where = _shared(scope, conditions)
    where += f" AND service = {conditions.bind(service)}" if service else ""
    where += f" AND name = {conditions.bind(operation)}" if operation else ""
    text = Template(statement("errors")).safe_substitute(where=where, limit=str(limit + 1))
    found = [ErrorGroup(*row) for row in asker.rows(text, conditions.parameters | _slots(scope))]
    return found[:limit], len(found) > limit


def heatmap(asker: Asker, query: FiguresQuery, columns: int) -> list[Cell]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    scope = query.scope
    conditions = Conditions()
    parts = [_shared(scope, conditions)]
    for column, value in (("service", query.service), ("name", query.operation)):
        parts += [f"{column} = {conditions.bind(value)}"] if value else []
    parts += [] if query.operation else _view(query)
    text = Template(statement("heatmap")).safe_substitute(where=" AND ".join(parts))
    step = -(-(scope.to_us - scope.from_us) // columns)
    bounds = {"from_us": scope.from_us, "to_us": scope.to_us, "step_us": step}
    return [Cell(*row) for row in asker.rows(text, conditions.parameters | bounds)]


def tags(asker: Asker, scope: Scope, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    days = days_of(scope) | {"key": key, "prefix": prefix, "limit": limit}
    return [(row[0], row[1]) for row in asker.file("tag_values" if key else "tag_keys", days)]


def days_of(scope: Scope) -> dict[str, Any]:
    """First and last day of a range, as parameters."""
    first, last = (datetime.fromtimestamp(us // SECOND_US, UTC).date() for us in (scope.from_us, scope.to_us))
    return {"first_day": first.isoformat(), "last_day": last.isoformat()}


def _table(query: FiguresQuery, slot_us: int) -> str:
    suffix = {10 * SECOND_US: "10s", MINUTE_US: "1m", HOUR_US: "1h"}[slot_us]
    if query.group in {"instance", "zone"}:
        return "stats_instance_1m"
    return f"all_edges_{suffix}" if query.group == "caller" else f"stats_{suffix}"


def _column(key: str, query: FiguresQuery) -> str:
    if query.group == "caller":
        key = {"service": "callee", "caller": "caller"}[key]
    return f"toString({key})"


def _where(query: FiguresQuery, scope: Scope, conditions: Conditions) -> str:
    parts = [_shared(scope, conditions)]
    if query.group == "caller":
        parts.append("side IN ('server', 'consumer')")
        # Sides of calls are paired by buckets: only those in range.
        parts.append("bucket >= toDateTime(intDiv({from_s:UInt64}, 3600) * 3600, 'UTC')")
        parts.append("bucket < toDateTime({to_s:UInt64}, 'UTC')")
        parts += [f"callee = {conditions.bind(query.service)}"] if query.service else []
        return " AND ".join(parts)
    parts += [f"service = {conditions.bind(query.service)}"] if query.service else []
    if query.group in {"instance", "zone"}:
        return " AND ".join([*parts, *(["entry"] if query.view == "entry" else [])])
    for column, value in (("name", query.operation), ("kind", query.kind)):
        parts += [f"{column} = {conditions.bind(value)}"] if value else []
    return " AND ".join(parts + _view(query))


def _view(query: FiguresQuery) -> list[str]:
    return {"entry": ["entry"], "client": ["kind IN ('client', 'producer')"], "all": []}[query.view]


def _shared(scope: Scope, conditions: Conditions) -> str:
    parts = [f"env = {conditions.bind(scope.env)}"] if scope.env else []
    if scope.load_test != "true":
        parts.append("load_test" if scope.load_test == "only" else "NOT load_test")
    return " AND ".join(parts) or "1"


def _slots(scope: Scope) -> dict[str, int]:
    return {"from_s": scope.from_us // SECOND_US, "to_s": scope.to_us // SECOND_US}
