"""The dependency map: edges told by both sides become one graph with figures and hints (D1-D4)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from hopline_query.aggregate import USER, VIRTUAL
from hopline_query.latency import PERMILLES, Figures, apdex, percentiles, scaled, slow
from hopline_query.store.port import RECEIVED, Edge

HINTS = 20
"""Cycles, groups and busiest nodes that are listed."""

MOST_NODES = 1_000
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


@dataclass(slots=True)
class Link:
    """One arrow of the map: what each side told."""

    caller: str
    callee: str
    server: Figures = field(default_factory=Figures)
    client: Figures = field(default_factory=Figures)
    cross_zone: int = 0

    @property
    def best(self) -> Figures:
        """The callee's count where there is one, else the caller's: each call counts once."""
        return self.server if self.server.rows else self.client


def build_map(
    edges: Iterable[Edge],
    services: Mapping[str, Figures],
    *,
    known: frozenset[str] = frozenset(),
    instances: Mapping[str, int] | None = None,
    seconds: float,
    apdex_t_us: int = 500_000,
    options: MapOptions = MapOptions(),
) -> dict[str, Any]:
    """Nodes, edges and hints of docs/api.md.

    ``services`` holds the entry figures of each service in the range, lone ones too; ``known`` names
    services that were seen reporting at any time, so that one which fell silent stays a service.
    """
    reporting = reporting_services(edges, known | set(services))
    links = _links(edges, reporting)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(services))
    for _, link in sorted(links.items()):
        if scaled(link.best.calls) >= options.min_calls and (options.self_calls or link.caller != link.callee):
            graph.add_edge(link.caller, link.callee, calls=link.best.calls)
    graph.remove_nodes_from([name for name in graph if kind_of(name) in options.hide])
    total_nodes, total_edges = len(graph), graph.number_of_edges()
    whole = graph
    if options.focus:
        graph = graph.subgraph(_around(graph, options))
    if len(graph) > MOST_NODES:
        busiest = sorted(graph, key=lambda n: (-graph.degree(n, weight="calls"), n))[:MOST_NODES]
        graph = graph.subgraph(busiest)
    arrows = [_edge_json(links[pair], seconds) for pair in sorted(graph.edges)]
    flows = _flows(links.values())
    nodes = []
    for name in sorted(graph):
        arriving, leaving = flows.get(name, (Figures(), 0))
        node = _node_json(name, services.get(name, arriving), leaving, seconds, apdex_t_us)
        neighbours = set(whole.predecessors(name)) | set(whole.successors(name))
        node["hidden_neighbours"] = len(neighbours - set(graph))
        node["instances"] = (instances or {}).get(name)
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


def kind_of(name: str) -> str:
    """Kind of a node by its key."""
    head = name.partition(":")[0]
    if name == USER:
        return "user"
    return head if head in VIRTUAL and ":" in name else "service"


def reporting_services(edges: Iterable[Edge], known: AbstractSet[str]) -> AbstractSet[str]:
    """Services that reported at any time, or report calls in these edges."""
    return known | {edge.caller for edge in edges if edge.side in {"client", "producer"}}


def callee_key(edge: Edge, reporting: AbstractSet[str]) -> str:
    """The callee's node: what only its callers tell of, and never reported itself, is external (D1)."""
    outside = edge.side not in RECEIVED and kind_of(edge.callee) == "service" and edge.callee not in reporting
    return f"external:{edge.callee}" if outside else edge.callee


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


def _links(edges: Iterable[Edge], reporting: AbstractSet[str]) -> dict[tuple[str, str], Link]:
    found: dict[tuple[str, str], Link] = {}
    for edge in edges:
        callee = callee_key(edge, reporting)
        link = found.setdefault((edge.caller, callee), Link(edge.caller, callee))
        (link.server if edge.side in RECEIVED else link.client).add(edge.figures)
        link.cross_zone += edge.cross_zone
    return found


def _around(graph: "nx.DiGraph[str]", options: MapOptions) -> set[str]:
    """The focus and what lies within so many calls up and down."""
    if options.focus not in graph:
        return set()
    down = nx.single_source_shortest_path_length(graph, options.focus, cutoff=options.depth_out)
    up = nx.single_source_shortest_path_length(graph.reverse(copy=False), options.focus, cutoff=options.depth_in)
    return set(down) | set(up)


def _side_json(figures: Figures) -> dict[str, Any]:
    calls = figures.calls
    values = dict(zip(PERMILLES, percentiles(figures.hist, PERMILLES.values(), figures.duration_max), strict=True))
    return {
        "calls": scaled(calls),
        "errors": scaled(figures.errors),
        "error_rate": round(figures.errors / calls, 6) if calls else None,
        "avg_us": round(figures.duration_sum / calls, 1) if calls else None,
        **{name: values[name] for name in ("p50_us", "p90_us", "p99_us", "p999_us")},
        "max_us": figures.duration_max if calls else None,
        "sampled": figures.rows,
    }


def _edge_json(link: Link, seconds: float) -> dict[str, Any]:
    best, client, server = link.best, link.client, link.server
    network = None
    if client.calls and server.calls:
        network = round(client.duration_sum / client.calls - server.duration_sum / server.calls, 1)
    kind = kind_of(link.callee)
    return {
        "caller": link.caller,
        "callee": link.callee,
        "kind": "mq" if kind_of(link.caller) == "mq" else kind,
        **_side_json(best),
        "calls_per_s": round(best.calls / 1_000 / seconds, 4) if seconds else 0.0,
        "client": _side_json(client),
        "server": _side_json(server),
        "network_us": network,
        "unreceived": scaled(max(0, client.calls - server.calls)) if server.rows or kind == "service" else 0,
        "calls_per_trace_avg": None,
        "calls_per_trace_max": None,
        "last_seen_us": max(client.last_seen_us, server.last_seen_us) or None,
        "cross_zone": round(link.cross_zone / server.calls, 4) if server.calls else None,
        "loop": link.caller == link.callee,
        "estimated": best.calls != best.rows * 1_000,
    }


def _flows(links: Iterable[Link]) -> dict[str, tuple[Figures, int]]:
    """Per node what arrives (figures) and what leaves (thousandths of calls); loops count as neither."""
    arriving: dict[str, Figures] = {}
    leaving: Counter[str] = Counter()
    for link in links:
        if link.caller != link.callee:
            arriving.setdefault(link.callee, Figures()).add(link.best)
            leaving[link.caller] += link.best.calls
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
        "apdex": apdex(figures.hist, figures.errors, apdex_t_us),
        "slow": slow(figures.hist, apdex_t_us),
        "last_seen_us": figures.last_seen_us or None,
    }
