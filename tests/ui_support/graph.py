"""A made-up dependency map."""

from typing import Any

from ui_support.shared import NOW, span_of


def graph_of(hostile: str, focus: str | None) -> dict[str, Any]:
    pairs = [
        ("USER", "gateway"),
        ("gateway", "orders"),
        ("gateway", "users"),
        ("orders", "inventory"),
        ("orders", "payments"),
        ("payments", "external:bank"),
        ("orders", "mq:orders.placed"),
        ("mq:orders.placed", "notify"),
        ("inventory", "db:shop"),
        ("users", "db:shop"),
        ("users", "cache:redis"),
        ("gateway", "inventory"),
    ]
    if hostile:
        pairs.append(("gateway", hostile))
    names = sorted({end for pair in pairs for end in pair} | {"reports"})
    nodes = [
        {
            "name": n,
            "label": n.split(":", 1)[-1] if ":" in n and not hostile else n,
            "kind": kind_of(n),
            "calls": 0 if n == "reports" else 1200,
            "errors": 80 if n == "payments" else 3,
            "qps_in": 84.1,
            "qps_out": 120.0,
            "error_rate": 0.066 if n == "payments" else 0.0025,
            "success_rate": 0.934 if n == "payments" else 0.9975,
            "avg_us": 48_000.0,
            "p50_us": 31_000,
            "p90_us": 80_000,
            "p99_us": 402_000,
            "p999_us": 1_200_000,
            "apdex": 0.93,
            "slow": 60,
            "instances": 2,
            "callers": {"calls": 1200, "errors": 600, "success_rate": 0.5} if n == "inventory" else None,
            "entry": n == "gateway",
            "hidden_neighbours": 0,
        }
        for n in names
    ]
    edges = [
        {
            "caller": a,
            "callee": b,
            "kind": "service",
            "calls": 1200 * (at + 1),
            "errors": 3,
            "calls_per_s": 13.3 * (at + 1),
            "error_rate": {"payments": 0.066, "external:bank": 0.02}.get(b, 0.002),
            "avg_us": 48_000.0,
            "p50_us": 1,
            "p90_us": 1,
            "p99_us": 402_000,
            "p999_us": 1_200_000,
            "max_us": 1,
            "client": None,
            "server": {"calls": 1200},
            "network_us": 300.5,
            "unreceived": 0,
            "calls_per_trace_avg": None,
            "calls_per_trace_max": None,
            "last_seen_us": NOW,
            "cross_zone": 0.25,
            "loop": False,
            "estimated": False,
            "sampled": 1200,
        }
        for at, (a, b) in enumerate(pairs)
    ]
    return span_of(
        {
            "nodes": nodes,
            "edges": edges,
            "hints": {"cycles": [], "groups": [], "longest_path": [], "fan_in": [], "fan_out": []},
            "focus": focus,
            "truncated": False,
            "nodes_total": len(nodes),
            "edges_total": len(edges),
        }
    )


def kind_of(name: str) -> str:
    if name == "USER":
        return "user"
    prefix = name.split(":", 1)[0]
    return prefix if ":" in name and prefix in {"db", "mq", "cache", "external"} else "service"


def large_graph(services: int) -> dict[str, Any]:
    """``services`` with long names that differ in two words; each is called by one or two before it, one fails."""
    base = graph_of("", None)
    node = next(n for n in base["nodes"] if n["name"] == "users")
    teams = ("checkout", "inventory", "payments", "search", "recommendation", "shipping", "identity", "billing")
    names = [f"{teams[at % len(teams)]}-service-worker-{at // len(teams)}-production-europe" for at in range(services)]
    nodes = []
    for at, name in enumerate(names):
        bad = at == services - 3
        figures = {"calls": 1_000 + at, "errors": 300 * bad, "error_rate": 0.3 * bad, "success_rate": 1 - 0.3 * bad}
        nodes.append({**node, **figures, "name": name, "label": name, "callers": None, "hidden_neighbours": 0})
    pairs = {(names[at // 2], names[at]) for at in range(1, services)}
    pairs |= {(names[at // 3], names[at]) for at in range(3, services)}
    edges = [{**base["edges"][0], "caller": a, "callee": b} for a, b in sorted(pairs) if a != b]
    return {**base, "nodes": nodes, "edges": edges, "nodes_total": len(nodes), "edges_total": len(edges)}
