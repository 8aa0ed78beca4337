"""Figures over a range: stats, series, error groups, heatmap (L)."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from hopline_query.answers.dependencies import callers_view
from hopline_query.answers.edge_series import edge_series
from hopline_query.latency.figures import (
    PERMILLES,
    Figures,
    describe,
    histogram,
    least_of,
    placed_percentiles,
    scaled,
    seen_seconds,
)
from hopline_query.params import Params, step_for
from hopline_query.store.planner import filling, fitted, oldest_of, unserved
from hopline_query.store.port import GROUPS, MOST_GROUPS, FiguresQuery, Scope, SpanReader
from hopline_query.topology.links import callers_json

P99 = list(PERMILLES).index("p99_us")

Grouped = dict[tuple[str, ...], Figures]

ORDERS = (
    *("impact", "calls", "qps", "errors", "error_rate", "avg_us", "max_us", "service", "operation"),
    *PERMILLES,
)
"""What a stats answer can be ordered by."""

NAMES = {"name": "operation"}
"""Columns of the store whose name in the API differs."""

MOST_SERIES = 50
"""Lines of one chart."""


def stats(reader: SpanReader, params: Params, known: frozenset[str]) -> dict[str, Any]:
    """Figures of each group over the whole range, and services as their callers see them.

    A service that is down tells nothing of itself: it is listed by what its callers told, where it is one
    of ``known``, the services that reported at any time.
    """
    query = params.figures()
    apdex_t = params.duration("apdex_t") or params.settings.apdex_t_us
    told: dict[str, Figures] = {}
    if (query.group, query.view, query.operation, query.kind) == ("service", "entry", "", ""):
        found, scope, slot_us, told = _services(reader, query, known)
    else:
        found, scope, slot_us = _grouped(reader, query)
    found |= {(name,): Figures() for name in told if (name,) not in found and query.service in {"", name}}
    entries = _entries(found, query.group, scope, params.now_us, apdex_t)
    for key, entry in entries.items():
        entry["callers"] = callers_json(key[0], told)
    compare = params.choice("compare", ("", "previous"), "")
    total = sum_of(found)
    totals = describe(total, _seen(total, scope, params.now_us), apdex_t) | {"previous": None}
    if compare:
        width = scope.to_us - scope.from_us
        earlier = replace(query, scope=replace(scope, from_us=max(0, scope.from_us - width), to_us=scope.from_us))
        if unserved(earlier.scope, oldest_of(earlier)) is None:
            _compare(reader, earlier, apdex_t, entries, totals)
    if params.flag("histogram"):
        for key, entry in entries.items():
            entry["histogram"] = histogram(found[key].hist)
    ordered = _ordered(list(entries.values()), params)
    limit = params.number("limit", 500, 1, 5_000)
    points = params.number("spark", 0, 2, 120)
    if points:
        _add_sparks(reader, replace(query, scope=scope), points, entries, params.now_us)
    return {
        "services": ordered[:limit],
        "total": totals,
        "group": query.group,
        "view": query.view,
        "apdex_t_us": apdex_t,
        "slot_s": slot_us // 1_000_000,
        "truncated": len(ordered) > limit or len(found) >= MOST_GROUPS,
        "unserved": unserved(scope, oldest_of(query)),
        "from_us": scope.from_us,
        "to_us": scope.to_us,
    }


def _compare(
    reader: SpanReader,
    earlier: FiguresQuery,
    apdex_t: int,
    entries: dict[tuple[str, ...], dict[str, Any]],
    totals: dict[str, Any],
) -> None:
    """Add the figures of the period before."""
    before, scope, _ = _grouped(reader, earlier)
    for key, value in before.items():
        if key in entries:
            entries[key]["previous"] = describe(value, _seen(value, scope, scope.to_us), apdex_t)
    total = sum_of(before)
    totals["previous"] = describe(total, _seen(total, scope, scope.to_us), apdex_t)


def series(reader: SpanReader, params: Params) -> dict[str, Any]:
    """Figures of each group slot by slot; of an edge of the map, where one of its ends is named."""
    if params.text("caller") or params.text("callee"):
        return edge_series(reader, params)
    base = params.figures()
    query = fitted(replace(base, step_us=params.step(base.scope), placed=True))
    step = query.step_us
    found, scope, _ = reader.figures(query)
    times = list(range(scope.from_us, scope.to_us, step))
    groups: dict[tuple[str, ...], dict[int, Figures]] = {}
    for (key, start), value in found.items():
        groups.setdefault(key, {})[start] = value
    ranked = sorted(groups, key=lambda key: (-sum(v.calls for v in groups[key].values()), key))
    limit = params.number("limit", 20, 1, MOST_SERIES)
    return {
        "step_us": step,
        "times": times,
        "filling": filling(times, step, params.now_us),
        "series": [_series(key, groups[key], times, query, params.now_us) for key in ranked[:limit]],
        "versions": versions(reader, base.scope, base.service),
        "truncated": len(ranked) > limit or len(found) >= MOST_GROUPS,
        "unserved": unserved(scope, oldest_of(query)),
        "from_us": scope.from_us,
        "to_us": scope.to_us,
    }


def versions(reader: SpanReader, scope: Scope, service: str) -> list[dict[str, Any]]:
    """Where a version first appears within the range: the marks on a chart."""
    first: dict[tuple[str, str], int] = {}
    for (name, _, version), (seen, _) in reader.instances(scope, service).items():
        if version:
            first[name, version] = min(seen, first.get((name, version), seen))
    services = {name for name, _ in first}
    # The version that a service began with marks no change.
    initial = {min((seen, v) for (n, v), seen in first.items() if n == name)[1] for name in services}
    return [
        {"service": name, "version": version, "first_seen_us": seen}
        for (name, version), seen in sorted(first.items(), key=lambda item: (item[1], item[0]))
        if scope.from_us <= seen < scope.to_us and version not in initial
    ]


def errors(reader: SpanReader, params: Params) -> dict[str, Any]:
    """Failures grouped by service, operation and error type, most frequent first."""
    scope = params.scope(params.settings.figures_range_us)
    limit = params.number("limit", 100, 1, 1_000)
    found, more = reader.errors(scope, params.text("service"), params.text("operation"), limit)
    return {
        "groups": [
            {
                "service": group.service,
                "operation": group.operation,
                "error_type": group.error_type,
                "count": scaled(group.calls),
                "first_seen_us": group.first_seen_us,
                "last_seen_us": group.last_seen_us,
                "newest_trace_id": group.newest_trace_id,
                "error_text": group.error_text,
                "trend": None,
            }
            for group in found
        ],
        "truncated": more,
        "unserved": unserved(scope, scope.kept.hours_us),
        "from_us": scope.from_us,
        "to_us": scope.to_us,
    }


def heatmap(reader: SpanReader, params: Params) -> dict[str, Any]:
    """Latency by time: cells whose rectangle can be searched for its traces (L5)."""
    query = params.figures()
    columns = params.number("columns", 60, 1, 240)
    # Three log buckets to a row: 12 % a step, some sixty rows for the usual range of latencies.
    joined = 3
    cells: dict[tuple[int, int], list[int]] = {}
    for cell in reader.heatmap(query, columns):
        known = cells.setdefault((cell.column, cell.bucket // joined), [0, 0])
        known[0] += cell.calls
        known[1] += cell.errors
    rows = sorted({row for _, row in cells})
    low, high = (rows[0], rows[-1]) if rows else (0, -1)
    width = query.scope.to_us - query.scope.from_us
    step = -(-width // columns)
    edges = [least_of(row * joined) for row in range(low, high + 2)] if rows else []
    return {
        "times": list(range(query.scope.from_us, query.scope.to_us, step)),
        "step_us": step,
        "edges_us": edges,
        "cells": [[column, row - low, *counts] for (column, row), counts in sorted(cells.items())],
        "max": max((counts[0] for counts in cells.values()), default=0),
        "link": _cells_link(query) if query.view == "entry" else None,
        "truncated": False,
        "unserved": unserved(query.scope, query.scope.kept.rows_us),
        "from_us": query.scope.from_us,
        "to_us": query.scope.to_us,
    }


def _cells_link(query: FiguresQuery) -> str:
    """The search whose rectangles of time and span duration hold the calls of the cells."""
    asked = {
        "service": query.service,
        "operation": query.operation,
        "entry": "true",
        "env": query.scope.env,
        "load_test": query.scope.load_test,
        "from": query.scope.from_us,
        "to": query.scope.to_us,
    }
    return f"/search?{urlencode({name: value for name, value in asked.items() if value})}"


def sum_of(found: Grouped) -> Figures:
    """All groups together."""
    total = Figures()
    for value in found.values():
        total.add(value)
    return total


def _grouped(reader: SpanReader, query: FiguresQuery) -> tuple[Grouped, Scope, int]:
    found, scope, slot_us = reader.figures(query)
    return {key: value for (key, _), value in found.items()}, scope, slot_us


def _entries(
    found: Grouped, group: str, scope: Scope, now_us: int, apdex_t: int
) -> dict[tuple[str, ...], dict[str, Any]]:
    whole = sum(value.duration_sum for value in found.values()) or 1
    entries = {}
    for key, value in sorted(found.items()):
        entries[key] = {
            **dict.fromkeys(("service", "operation", "kind", "instance", "host", "zone", "version", "caller")),
            **{NAMES.get(name, name): text for name, text in zip(GROUPS[group], key, strict=True)},
            **describe(value, _seen(value, scope, now_us), apdex_t),
            "impact": round(value.duration_sum / whole, 6),
            "callers": None,
            "previous": None,
            "spark": None,
        }
    return entries


def _services(
    reader: SpanReader, query: FiguresQuery, known: frozenset[str]
) -> tuple[Grouped, Scope, int, dict[str, Figures]]:
    """Figures of whole services, and what callers told of them; other rows show that a service reports."""
    found, scope, slot_us = reader.figures(replace(query, view="all", group="entry"))
    told = callers_view(reader, query.scope, known | {name for (name, _), _ in found})
    entries: Grouped = {(name,): value for ((name, entry), _), value in found.items() if entry == "1"}
    return entries, scope, slot_us, told


def _ordered(entries: list[dict[str, Any]], params: Params) -> list[dict[str, Any]]:
    order_by = params.choice("order_by", ORDERS, "impact")
    if order_by in {"service", "operation"}:
        return sorted(entries, key=lambda e: e[order_by] or "")
    return sorted(entries, key=lambda e: -(e[order_by] or 0))


def _add_sparks(
    reader: SpanReader, query: FiguresQuery, points: int, entries: dict[tuple[str, ...], dict[str, Any]], now_us: int
) -> None:
    query = fitted(replace(query, step_us=step_for(query.scope.to_us - query.scope.from_us, points), placed=True))
    step = query.step_us
    found, cut, _ = reader.figures(query)
    times = range(cut.from_us, cut.to_us, step)
    for key, entry in entries.items():
        values = [found.get((key, start)) for start in times]
        entry["spark"] = {
            "slot_us": step,
            "start_us": cut.from_us,
            "filling": filling(list(times), step, now_us),
            "qps": [round(v.calls / 1_000 / (step / 1e6), 4) if v else 0 for v in values],
            "error_rate": [round(v.errors / v.calls, 6) if v and v.calls else None for v in values],
            "p99_us": [placed_percentiles(v)[P99] if v else None for v in values],
        }


def _series(
    key: tuple[str, ...], slots: dict[int, Figures], times: list[int], query: FiguresQuery, now_us: int
) -> dict[str, Any]:
    named = {NAMES.get(name, name): text for name, text in zip(GROUPS[query.group], key, strict=True)}
    step = query.step_us
    described = [
        describe(slots.get(start, Figures()), _seconds(Scope(start, start + step), now_us), 1) for start in times
    ]
    shown = ("calls", "qps", "errors", "error_rate", "avg_us", *PERMILLES, "max_us")
    return {"operation": None, **named, **{name: [d[name] for d in described] for name in shown}}


def _seen(figures: Figures, scope: Scope, now_us: int) -> float:
    """Seconds of the range in which a group was seen, as far as it has passed."""
    return seen_seconds(figures, scope.from_us, min(scope.to_us, now_us))


def _seconds(scope: Scope, now_us: int) -> float:
    """Length of the range as far as it has passed: the last slot may reach into the future."""
    return max(1_000_000, min(scope.to_us, now_us) - scope.from_us) / 1e6
