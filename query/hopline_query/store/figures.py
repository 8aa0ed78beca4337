"""Figures, map and names out of the roll-ups (D, L, Q4): which table, which slots, which columns."""

from collections.abc import Sequence
from datetime import UTC, datetime
from string import Template
from typing import Any

from hopline_query.latency.figures import PLACED, Figures
from hopline_query.store.asking import Asker, statement
from hopline_query.store.conditions import Conditions
from hopline_query.store.planner import (
    BY_MINUTE,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    TEN_SECONDS_US,
    cut,
    edge_slot,
    slot_length,
    whole_services,
)
from hopline_query.store.port import (
    EDGES,
    KEYS,
    MOST_GROUPS,
    NAMES,
    Cell,
    Edge,
    EdgesQuery,
    ErrorGroup,
    FiguresQuery,
    Scope,
)

SUFFIXES = {TEN_SECONDS_US: "10s", MINUTE_US: "1m", HOUR_US: "1h"}
"""Length of slots -> how tables of such slots are named."""


def figures(asker: Asker, query: FiguresQuery) -> tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    slot_us = slot_length(query)
    scope = cut(query.scope, max(slot_us, query.step_us))
    conditions = Conditions()
    keys = KEYS[query.group]
    where = _where(query, scope, conditions)
    table = _table(query, slot_us)
    finer = table.startswith("services") or table == "stats_instance_1h"
    text = Template(statement("figures")).safe_substitute(
        keys=", ".join(_column(key, query) for key in keys),
        step=str((query.step_us or scope.to_us) // SECOND_US or 1),
        hist=_histogram("s.hist", query),
        places=_places("s.hist") if query.placed else "[]",
        more="" if query.group in EDGES else f",\n  {_histogram('s.failed', query)} AS failed, sum(s.status_4xx)",
        first="s.first_seen" if finer else "s.slot",
        last="s.last_seen" if finer else "s.slot",
        table=table,
        where=where,
        limit=str(MOST_GROUPS),
    )
    answer = {}
    for row in asker.remembered(text, conditions.parameters | _slots(scope)):
        key, values = row[: len(keys)], row[len(keys) :]
        slot, calls, errors, rows, total, longest, hist, places, first, last, *more = values
        start = slot * SECOND_US if query.step_us else scope.from_us
        failed, status_4xx = (dict(more[0]), more[1]) if more else ({}, None)
        answer[tuple(map(str, key)), start] = Figures(
            *(calls, errors, rows, total, longest, dict(hist), last * SECOND_US, first * SECOND_US),
            *(failed, status_4xx, tuple(places)),
        )
    return answer, scope, slot_us


def _histogram(column: str, query: FiguresQuery) -> str:
    if not query.histogram or query.placed:
        return "map()"
    return f"sumMapIf({column}, entry)" if query.group == "entry" else f"sumMap({column})"


def _places(column: str) -> str:
    """The buckets of the percentiles of summed histograms, without summing them; none where they are empty."""
    # A hair below, because the engine multiplies as a float and rounds up: 999.0000000001 calls would be 1,000.
    levels = ", ".join(f"{permille / 1_000 - 1e-14:.14f}" for permille in PLACED)
    buckets = f"quantilesExactWeightedArray({levels})(mapKeys({column}), mapValues({column}))"
    return f"if(max(notEmpty({column})), {buckets}, [])"


NO_SERVICE = "position(callee, ':') > 0 OR position(callee, '.') > 0"
"""A callee that is no service by its name: its node has no figures but those of its edges."""


def edges(asker: Asker, query: EdgesQuery) -> tuple[list[Edge], Scope]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    conditions = Conditions()
    chosen = f"callee IN {conditions.bind(list(query.callees), 'Array(String)')}" if query.callees else "1"
    slot_us = edge_slot(query.scope)
    scope = cut(query.scope, slot_us)
    text = Template(statement("edges" if query.times else "edges_counted")).safe_substitute(
        table=f"all_edges_{SUFFIXES[slot_us]}",
        where=f"{_shared(scope, conditions)} AND {chosen}",
        summed="1" if query.callees else NO_SERVICE,
        places=_places("e.hist"),
        limit=str(MOST_GROUPS),
    )
    found = []
    for row in asker.remembered(text, conditions.parameters | _slots(scope)):
        caller, callee, side, calls, errors, rows, total, longest, hist, places, last, crossed = row
        value = Figures(*(calls, errors, rows, total, longest, dict(hist), last), status_4xx=None, placed=tuple(places))
        found.append(Edge(caller, callee, side, value, crossed))
    return found, scope


def told_by_callers(asker: Asker, scope: Scope) -> tuple[list[Edge], Scope]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    slot_us = edge_slot(scope)
    scope, conditions = cut(scope, slot_us), Conditions()
    text = Template(statement("called")).safe_substitute(
        table=f"all_called_{SUFFIXES[slot_us]}", where=_shared(scope, conditions), limit=str(MOST_GROUPS)
    )
    found = asker.remembered(text, conditions.parameters | _slots(scope))
    return [
        Edge("", callee, side, Figures(calls, errors, rows, status_4xx=None))
        for callee, side, calls, errors, rows in found
    ], scope


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
    parts += _view(query)
    text = Template(statement("heatmap")).safe_substitute(where=" AND ".join(parts))
    step = -(-(scope.to_us - scope.from_us) // columns)
    bounds = {"from_us": scope.from_us, "to_us": scope.to_us, "step_us": step}
    return [Cell(*row) for row in asker.rows(text, conditions.parameters | bounds)]


def tags(asker: Asker, scope: Scope, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    days = days_of(scope) | {"key": key, "prefix": prefix, "limit": limit}
    return [(row[0], row[1]) for row in asker.file("tag_values" if key else "tag_keys", days)]


NAMED = {
    "service_names": {"service"},
    "operation_names": {"service", "name", "kind"},
    "span_names": set(NAMES),
}
"""Tables of names, the smallest first, and what they hold."""


def names(
    asker: Asker, scope: Scope, columns: tuple[str, ...], services: Sequence[str] | None = None
) -> list[tuple[str, ...]]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    scope, conditions = cut(scope, TEN_SECONDS_US), Conditions()
    chosen = [f"service IN {conditions.bind(list(services), 'Array(String)')}"] if services is not None else []
    text = Template(statement("span_names")).safe_substitute(
        columns=", ".join(f"toString({NAMES[NAMES.index(column)]})" for column in columns),
        table=next(table for table, held in NAMED.items() if held >= set(columns)),
        where=" AND ".join([_shared(scope, conditions), *chosen]),
        limit=str(MOST_GROUPS),
    )
    bounds = days_of(scope) | {"from_us": scope.from_us, "to_us": scope.to_us}
    return [tuple(row) for row in asker.remembered(text, conditions.parameters | bounds)]


LAST_S = 253_402_300_799
"""The last second of the year 9999: no calendar of ours goes further."""


def days_of(scope: Scope) -> dict[str, Any]:
    """First and last day of a range, as parameters."""
    first, last = (
        datetime.fromtimestamp(min(us // SECOND_US, LAST_S), UTC).date() for us in (scope.from_us, scope.to_us)
    )
    return {"first_day": first.isoformat(), "last_day": last.isoformat()}


def _table(query: FiguresQuery, slot_us: int) -> str:
    suffix = SUFFIXES[slot_us]
    if query.group in BY_MINUTE:
        return f"stats_instance_{suffix}"
    if query.group in EDGES:
        return f"all_edges_{suffix}"
    return f"{'services' if whole_services(query) and slot_us > TEN_SECONDS_US else 'stats'}_{suffix}"


def _column(key: str, query: FiguresQuery) -> str:
    if query.group in EDGES and key == "service":
        key = "callee"
    return f"toString({key})"


def _where(query: FiguresQuery, scope: Scope, conditions: Conditions) -> str:
    parts = [_shared(scope, conditions)]
    if query.group in EDGES:
        parts += ["side IN ('server', 'consumer')"] if query.group == "caller" else []
        # Sides of calls are paired by buckets: only those in range.
        parts.append("bucket >= toDateTime(intDiv({from_s:UInt64}, 3600) * 3600, 'UTC')")
        parts.append("bucket < toDateTime({to_s:UInt64}, 'UTC')")
        for column, value in (("callee", query.service), ("caller", query.caller)):
            parts += [f"{column} = {conditions.bind(value)}"] if value else []
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
