"""The map of one moment, drawn on the map of a longer time, so that nothing moves while moments are stepped through."""

from typing import Final

from hopline_ui.service import Answer

ZEROS: Final = ("calls", "errors", "slow", "sampled", "qps_in", "qps_out", "calls_per_s")
NONES: Final = (
    *("error_rate", "success_rate", "avg_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"),
    *("apdex", "callers", "status_4xx", "network_us"),
)


def during(whole: Answer, moment: Answer) -> Answer:
    """``moment`` with every node and edge of ``whole``, in its order; those without calls in the moment are idle."""
    nodes = {node["name"]: node for node in moment["nodes"]}
    edges = {(edge["caller"], edge["callee"]): edge for edge in moment["edges"]}
    known = [nodes.pop(node["name"], None) or _idle(node) for node in whole["nodes"]]
    drawn = [edges.pop((edge["caller"], edge["callee"]), None) or _idle(edge) for edge in whole["edges"]]
    both_nodes, both_edges = [*known, *nodes.values()], [*drawn, *edges.values()]
    totals = {"nodes_total": len(both_nodes), "edges_total": len(both_edges)}
    return {**moment, "nodes": both_nodes, "edges": both_edges, **totals}


def _idle(entry: Answer) -> Answer:
    return {
        **entry,
        **{name: 0 for name in ZEROS if name in entry},
        **{name: None for name in NONES if name in entry},
    }
