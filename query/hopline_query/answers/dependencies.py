"""The dependency map of a range, of one trace, or of the traces of a search (D)."""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from hopline.model import ENTRY_KINDS, Row
from hopline_query.answers.traces import read
from hopline_query.latency.figures import Figures
from hopline_query.params import DAY_US, HOUR_US, Params
from hopline_query.store.planner import cut, edge_slot, unserved
from hopline_query.store.port import (
    MOST_GROUPS,
    RECEIVED,
    Edge,
    EdgesQuery,
    FiguresQuery,
    Scope,
    SearchQuery,
    SpanReader,
)
from hopline_query.topology import addresses
from hopline_query.topology.aggregate import edges_of, group_rows, is_entry, told_edges
from hopline_query.topology.links import callee_key, reporting_services, seen_by_callers
from hopline_query.tree.copies import unite

KNOWN_US = 7 * DAY_US
"""A service that reported within this time stays a service on the map."""

TAUGHT_US = 2 * HOUR_US
"""How far back answered calls are asked what stands behind an address, at least."""

STRANGERS = 100
"""Addresses of one map that are looked up."""

TRACES = 100
"""Traces that the map of a search is drawn from."""


def dependencies(reader: SpanReader, params: Params, known: frozenset[str]) -> dict[str, Any]:
    """Nodes, edges and hints (docs/api.md); ``known`` names services that reported at any time."""
    if params.text("trace_id"):
        return _of_rows(reader, _rows_of_trace(reader, params), params, {})
    if params.text("uid") or params.text("filter"):
        return _of_search(reader, params)
    scope = params.scope(params.settings.figures_range_us)
    scope = cut(scope, edge_slot(scope))
    services = {name: Figures() for (name,) in reader.names(scope, ("service",))} | {
        name: entry for name, (entry, _) in reporting(reader, FiguresQuery(scope)).items()
    }
    edges = _timed_edges(reader, scope, known, services.keys())
    instances = Counter(service for service, _, _ in reader.instances(scope, ""))
    return _map(edges, services, scope, params, instances=instances, known=known)


def reporting(reader: SpanReader, query: FiguresQuery) -> dict[str, tuple[Figures, int]]:
    """Every service of which rows came -> the figures of its entry calls, and when any row was last seen."""
    found, _, _ = reader.figures(replace(query, view="all", group="entry"))
    services: dict[str, tuple[Figures, int]] = {}
    for ((name, entry), _), value in found.items():
        known, seen = services.get(name, (Figures(), 0))
        services[name] = (value if entry == "1" else known, max(seen, value.last_seen_us))
    return services


def named_edges_of(reader: SpanReader, query: EdgesQuery, known: frozenset[str]) -> tuple[list[Edge], Scope]:
    """The edges of the map and their range, with names where answered calls taught them."""
    edges, scope = reader.edges(query)
    found = _names(reader, edges, scope, reporting_services(edges, known))
    return addresses.named_edges(edges, found), scope


def _timed_edges(reader: SpanReader, scope: Scope, known: frozenset[str], services: AbstractSet[str]) -> list[Edge]:
    """The edges of the map with percentiles, and with histograms where something is added up."""
    edges, _ = reader.edges(EdgesQuery(scope))
    found = _names(reader, edges, scope, reporting_services(edges, known))
    told = Counter((edge.caller, found.get(edge.callee, edge.callee), edge.side in RECEIVED) for edge in edges)
    # Two edges to one node, by a name that was taught or by two kinds of rows; nodes without figures of their own.
    added = {callee for (_, callee, _), count in told.items() if count > 1}
    added |= {edge.callee for edge in edges if edge.figures.placed} - services
    placed = {edge.callee for edge in edges if edge.figures.placed and edge.callee in added}
    if placed:
        edges = [edge for edge in edges if edge.callee not in placed]
        edges += reader.edges(EdgesQuery(scope, tuple(sorted(placed))))[0]
    return addresses.named_edges(edges, found)


def with_callee_names(reader: SpanReader, query: SearchQuery, known: AbstractSet[str]) -> SearchQuery:
    """A search by callee with all names by which callers tell of it, as the map of the same range joins them."""
    scope = cut(query.scope, edge_slot(query.scope))
    edges, scope = reader.edges(EdgesQuery(scope, times=False))
    found = _names(reader, edges, scope, reporting_services(edges, known))
    reporting = reporting_services(edges, known | {name for (name,) in reader.names(scope, ("service",))})
    told = {
        edge.callee
        for edge, named in zip(edges, addresses.named_edges(edges, found), strict=True)
        if edge.side not in RECEIVED and callee_key(named, reporting) == query.callee
    }
    return replace(query, callee_names=tuple(sorted(told)))


def callers_view(reader: SpanReader, scope: Scope, reporting: AbstractSet[str]) -> dict[str, Figures]:
    """Service -> calls to it as its callers told them, answered or not; without histograms.

    ``reporting`` names the services that reported at any time.
    """
    edges, scope = reader.told_by_callers(scope)
    named = addresses.named_edges(edges, _names(reader, edges, scope, reporting))
    return seen_by_callers(named, reporting)


def _names(reader: SpanReader, edges: list[Edge], scope: Scope, reporting: AbstractSet[str]) -> dict[str, str]:
    """Services behind the addresses that callers alone knew."""
    strangers = {
        edge.callee
        for edge in edges
        if edge.side == "client" and edge.callee not in reporting and addresses.is_address(edge.callee)
    }
    return names_behind(reader, strangers, scope)


def names_behind(reader: SpanReader, strangers: AbstractSet[str], scope: Scope) -> dict[str, str]:
    """Services behind addresses, by calls of this range and the time before it."""
    asked = sorted(strangers)[:STRANGERS]
    if not asked:
        return {}
    since = Scope(max(0, min(scope.from_us, scope.to_us - TAUGHT_US)), scope.to_us)
    hosts = sorted({addresses.host_of(address) for address in asked})
    return addresses.names(asked, (addresses.Taught(*found) for found in reader.taught(hosts, since)))


def known_services(reader: SpanReader, params: Params) -> frozenset[str]:
    """Services that reported within the last days."""
    week = Scope(max(0, params.now_us - KNOWN_US), params.now_us, load_test="true")
    return frozenset(name for (name,) in reader.names(week, ("service",)))


def _rows_of_trace(reader: SpanReader, params: Params) -> list[Row]:
    return unite(read(reader, params.text("trace_id"), params))


def _of_search(reader: SpanReader, params: Params) -> dict[str, Any]:
    query = replace(params.search(), limit=TRACES)
    found, total = reader.search(query)
    rows = [row for stored in reader.many_rows(found, 10_000).values() for row in unite(stored)]
    return _of_rows(reader, rows, params, {"traces": len(found), "traces_total": total}, query.scope)


def _of_rows(
    reader: SpanReader, rows: list[Row], params: Params, more: dict[str, Any], scope: Scope | None = None
) -> dict[str, Any]:
    """A map straight from rows; per-trace counts are exact here."""
    if scope is None:
        first = min(row.start_us for row in rows)
        last = max(row.start_us + (row.duration_us or 0) for row in rows)
        scope = Scope(first, max(last, first + 1))
    strangers = {row.peer for row in rows if addresses.unnamed(row)}
    rows = addresses.named_rows(rows, names_behind(reader, strangers, scope))
    services = {row.service: Figures() for row in rows}
    services |= group_rows((row for row in rows if is_entry(row)), lambda row: row.service)
    instances = Counter(service for service, _ in {(row.service, row.instance) for row in rows})
    answer = _map(edges_of(rows), services, scope, params, instances=instances, known=frozenset(services))
    _count_per_trace(answer["edges"], rows)
    return answer | more


def _count_per_trace(edges: list[dict[str, Any]], rows: list[Row]) -> None:
    """Calls of each edge within one trace, told by the side that the edge counts."""
    counts: dict[tuple[str, str, bool], Counter[str]] = {}
    for told in told_edges(rows):
        key = (told.caller, told.callee, told.row.kind in ENTRY_KINDS)
        counts.setdefault(key, Counter())[told.row.trace_id] += 1
    for edge in edges:
        received = edge["server"]["calls"] >= edge["client"]["calls"]
        callee = edge["callee"] if received else edge["callee"].removeprefix("external:")
        found = counts.get((edge["caller"], callee, received)) or counts.get((edge["caller"], edge["callee"], received))
        if found:
            edge["calls_per_trace_avg"] = round(found.total() / len(found), 2)
            edge["calls_per_trace_max"] = max(found.values())


def _map(
    edges: list[Edge],
    services: dict[str, Figures],
    scope: Scope,
    params: Params,
    *,
    instances: Counter[str],
    known: frozenset[str],
) -> dict[str, Any]:
    hide = frozenset(part.strip() for part in params.text("hide").split(",") if part.strip())
    # networkx takes long to load: the first map waits for it, the start does not.
    from hopline_query.topology.graph import MapOptions, build_map

    options = MapOptions(
        focus=params.text("focus"),
        depth_in=params.number("depth_in", 2, 0, 20),
        depth_out=params.number("depth_out", 2, 0, 20),
        min_calls=params.number("min_calls", 0, 0, 10**12),
        hide=hide,
        self_calls=params.flag("self_calls") or not params.text("self_calls"),
    )
    answer = build_map(
        edges,
        services,
        known=known,
        instances=instances,
        range_us=(scope.from_us, min(scope.to_us, params.now_us)),
        apdex_t_us=params.settings.apdex_t_us,
        options=options,
    )
    if len(edges) >= MOST_GROUPS:
        answer["truncated"] = True
    old = unserved(scope, scope.kept.hours_us)
    return answer | {"unserved": old, "from_us": scope.from_us, "to_us": scope.to_us}
