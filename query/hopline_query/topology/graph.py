"""The dependency map: edges told by both sides become one graph with figures and hints (D1-D4)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx

from hopline_query.latency.figures import (
    PERMILLES,
    WEIGHT,
    Figures,
    apdex,
    placed_percentiles,
    scaled,
    seen_seconds,
    slow,
)
from hopline_query.store.port import Edge
from hopline_query.topology.aggregate import USER, VIRTUAL
from hopline_query.topology.links import (
    Link,
    callee_key,
    callers_json,
    kind_of,
    links_of,
    reporting_services,
    seen_by_callers,
)

HINTS = 20
"""Cycles, groups and busiest nodes that are listed."""

MOST_NODES = 5_000
"""Nodes of one map; the busiest are kept and the answer says so."""


@dataclass(frozen=True, slots=True)
class MapOptions:
    """What of the map is wanted."""

    focus: str = ""
    depth_in: int = 2
    depth_out: int = 2
    min_calls: float = 0
    hide: frozenset[str] = frozenset()
    self_calls: bool = True


def build_map(
    edges: Iterable[Edge],
    services: Mapping[str, Figures],
    *,
    known: frozenset[str] = frozenset(),
    instances: Mapping[str, int] | None = None,
    range_us: tuple[int, int],
    apdex_t_us: int = 500_000,
    options: MapOptions = MapOptions(),
) -> dict[str, Any]:
    """Nodes, edges and hints of docs/api.md.

    ``services`` holds the entry figures of each service in the range, lone ones too; ``known`` names
    services that were seen reporting at any time, so that one which fell silent stays a service.
    ``range_us`` are begin and end of the range, as far as it has passed. Rates are those of the stats: a service's
    over the time since it was first seen in the range, an edge's over that of the younger of its ends.
    """
    told = list(edges)
    reporting = reporting_services(told, known | set(services))
    links = links_of(told, lambda edge: (edge.caller, callee_key(edge, reporting)))
    by_callers = seen_by_callers(told, reporting)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(services))
    for _, link in sorted(links.items()):
        if scaled(link.calls) >= options.min_calls and (options.self_calls or link.caller != link.callee):
            graph.add_edge(link.caller, link.callee, calls=link.calls)
    graph.remove_nodes_from([name for name in graph if kind_of(name) in options.hide])
    total_nodes, total_edges = len(graph), graph.number_of_edges()
    whole = graph
    if options.focus:
        graph = graph.subgraph(_around(graph, options))
    if len(graph) > MOST_NODES:
        busiest = sorted(graph, key=lambda n: (-graph.degree(n, weight="calls"), n))[:MOST_NODES]
        graph = graph.subgraph(busiest)
    seen, length = _seen(links.values(), services, range_us), _length(range_us)
    arrows = [_edge_json(links[pair], _younger(pair, seen, length)) for pair in sorted(graph.edges)]
    flows = _flows(links.values(), services)
    nodes, kept = [], set(graph)
    for name in sorted(graph):
        arriving, leaving = flows.get(name, (Figures(), 0))
        node = _node_json(name, services.get(name, arriving), leaving, seen.get(name, length), apdex_t_us)
        neighbours = set(whole.predecessors(name)) | set(whole.successors(name))
        node["hidden_neighbours"] = len(neighbours - kept)
        node["instances"] = (instances or {}).get(name)
        node["callers"] = callers_json(name, by_callers)
        node["entry"] = graph.has_edge(USER, name)
        nodes.append(node)
    return {
        "nodes": nodes,
        "edges": arrows,
        "hints": hints(graph),
        "focus": options.focus or None,
        "truncated": len(graph) < total_nodes and not options.focus,
        "nodes_total": total_nodes,
        "edges_total": total_edges,
    }


def hints(graph: "nx.DiGraph[str]") -> dict[str, Any]:
    """What stands out in the shape: circles, groups, the longest way, the busiest crossings."""
    groups = sorted(sorted(g) for g in nx.strongly_connected_components(graph) if len(g) > 1)[:HINTS]
    cycles = []
    for group in groups:
        circle: nx.DiGraph[str] = nx.DiGraph(sorted((a, b) for a, b in graph.subgraph(group).edges if a != b))
        found = [a for a, _ in nx.find_cycle(circle, group[0])]
        least = found.index(min(found))
        turned = found[least:] + found[:least]
        cycles.append([*turned, turned[0]])
    condensed = nx.condensation(graph)
    names = {n: min(condensed.nodes[n]["members"]) for n in condensed}
    ordered: nx.DiGraph[str] = nx.DiGraph()
    ordered.add_nodes_from(sorted(names.values()))
    ordered.add_edges_from(sorted((names[a], names[b]) for a, b in condensed.edges))
    fan_in = sorted(((n, graph.in_degree(n)) for n in graph), key=lambda x: (-x[1], x[0]))
    fan_out = sorted(((n, graph.out_degree(n)) for n in graph), key=lambda x: (-x[1], x[0]))
    return {
        "cycles": cycles,
        "groups": groups,
        "longest_path": nx.dag_longest_path(ordered) if len(ordered) else [],
        "fan_in": [{"name": n, "edges": d} for n, d in fan_in[:5] if d > 1],
        "fan_out": [{"name": n, "edges": d} for n, d in fan_out[:5] if d > 1],
    }


def _around(graph: "nx.DiGraph[str]", options: MapOptions) -> set[str]:
    """The focus and what lies within so many calls up and down."""
    if options.focus not in graph:
        return set()
    down = nx.single_source_shortest_path_length(graph, options.focus, cutoff=options.depth_out)
    up = nx.single_source_shortest_path_length(graph.reverse(copy=False), options.focus, cutoff=options.depth_in)
    return set(down) | set(up)


SHOWN = tuple((name, list(PERMILLES).index(name)) for name in ("p50_us", "p90_us", "p99_us", "p999_us"))
"""Percentiles of edges and nodes, and their places among all that are read."""


def _side_json(figures: Figures) -> dict[str, Any]:
    calls = figures.calls
    values = placed_percentiles(figures)
    found = {
        "calls": scaled(calls),
        "errors": scaled(figures.errors),
        "error_rate": round(figures.errors / calls, 6) if calls else None,
        "avg_us": round(figures.duration_sum / calls, 1) if calls else None,
        "max_us": figures.duration_max if calls else None,
        "sampled": figures.rows,
    }
    for name, place in SHOWN:
        found[name] = values[place]
    return found


def _seen(links: Iterable[Link], services: Mapping[str, Figures], range_us: tuple[int, int]) -> dict[str, float]:
    """Seconds of the range in which each node was there: other nodes than services, for as long as any neighbour."""
    seen, length = {name: seen_seconds(figures, *range_us) for name, figures in services.items()}, _length(range_us)
    others: dict[str, float] = {}
    for link in links:
        for end, neighbour in ((link.caller, link.callee), (link.callee, link.caller)):
            if end not in services:
                others[end] = max(others.get(end, 0.0), seen.get(neighbour, length))
    return seen | others


def _younger(pair: tuple[str, str], seen: Mapping[str, float], length: float) -> float:
    """Seconds in which both ends of an edge were there, of a range of ``length``."""
    return min(seen.get(name, length) for name in pair)


def _length(range_us: tuple[int, int]) -> float:
    return seen_seconds(Figures(), *range_us)


def _edge_json(link: Link, seconds: float) -> dict[str, Any]:
    client, server = link.client, link.server
    network = None
    if client.calls and server.calls:
        network = round(client.duration_sum / client.calls - server.duration_sum / server.calls, 1)
    kind = kind_of(link.callee)
    sides = {"client": _side_json(client), "server": _side_json(server)}
    return {
        "caller": link.caller,
        "callee": link.callee,
        "kind": "mq" if kind_of(link.caller) == "mq" else kind,
        **sides["server" if link.timed is server else "client"],
        "calls": scaled(link.calls),
        "errors": scaled(link.errors),
        "error_rate": round(link.errors / link.calls, 6) if link.calls else None,
        "sampled": link.sampled,
        "calls_per_s": round(link.calls / WEIGHT / seconds, 4) if seconds else 0.0,
        **sides,
        "network_us": network,
        "unreceived": scaled(link.unreceived) if server.rows or kind == "service" else 0,
        "calls_per_trace_avg": None,
        "calls_per_trace_max": None,
        "last_seen_us": max(client.last_seen_us, server.last_seen_us) or None,
        "cross_zone": round(link.cross_zone / server.calls, 4) if server.calls else None,
        "loop": link.caller == link.callee,
        "estimated": link.estimated,
    }


def _flows(links: Iterable[Link], services: Mapping[str, Figures]) -> dict[str, tuple[Figures, int]]:
    """Per node what arrives (figures, of nodes that have none of their own) and what leaves (thousandths of calls).

    Loops count as neither.
    """
    arriving: dict[str, Figures] = {}
    leaving: Counter[str] = Counter()
    for link in links:
        if link.caller != link.callee:
            if link.callee not in services:
                arriving.setdefault(link.callee, Figures()).add(link.timed)
            leaving[link.caller] += link.calls
    return {name: (arriving.get(name, Figures()), leaving[name]) for name in {*arriving, *leaving}}


def _node_json(name: str, figures: Figures, leaving: int, seconds: float, apdex_t_us: int) -> dict[str, Any]:
    kind = kind_of(name)
    return {
        "name": name,
        "label": name.partition(":")[2] if kind in VIRTUAL else name,
        "kind": kind,
        **_side_json(figures),
        "success_rate": round(1 - figures.errors / figures.calls, 6) if figures.calls else None,
        "qps_in": round(figures.calls / 1_000 / seconds, 4) if seconds else 0.0,
        "qps_out": round(leaving / 1_000 / seconds, 4) if seconds else 0.0,
        "apdex": apdex(figures, apdex_t_us),
        "status_4xx": None if figures.status_4xx is None else scaled(figures.status_4xx),
        "slow": slow(figures.hist, apdex_t_us),
        "last_seen_us": figures.last_seen_us or None,
    }
