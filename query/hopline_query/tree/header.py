"""The header of a trace: its figures, how whole it is, and what is odd about it (docs/api.md)."""

from collections import Counter
from typing import Any

from hopline.model import SAMPLED
from hopline_query.tree.node import WARNINGS, Tree
from hopline_query.tree.repeats import repeats
from hopline_query.tree.skew import after_answer
from hopline_query.tree.summary import TraceSummary, summarize


def header(tree: Tree) -> dict[str, Any]:
    """The part of docs/api.md that all shapes of a trace share; ``freshness`` is the service's.

    Described once for a tree: every window of a large trace shows it.
    """
    if not tree.described:
        tree.described.update(_described(tree))
    return tree.described | {"state": tree.state}


def _described(tree: Tree) -> dict[str, Any]:
    summary = summarize(tree)
    rows = [row for node in tree.nodes for row in node.rows]
    return {
        "trace_id": tree.trace_id,
        "state": tree.state,
        "service": summary.service,
        "name": summary.name,
        "start_us": summary.start_us,
        "end_us": summary.end_us,
        "duration_us": summary.duration_us,
        "extent_us": summary.extent_us,
        "after_us": after_answer(tree),
        "expected": tree.expected,
        "received": tree.received,
        "missing": tree.missing,
        "missing_total": tree.missing_total,
        "missing_truncated": tree.missing_total > len(tree.missing),
        "spans": summary.spans,
        "rows": summary.spans,
        "nodes": summary.nodes,
        "total_rows": tree.total_rows,
        "truncated": tree.truncated,
        "depth": 1 + max((node.depth for node in tree.nodes), default=-1),
        "errors": summary.errors,
        "uids": list(summary.uids),
        "envs": list(summary.envs),
        "services": _services(tree, summary),
        "failure": failure_json(summary),
        "flags": {
            "sampled": any(row.flags & SAMPLED for row in rows),
            "debug": summary.debug,
            "load_test": summary.load_test,
        },
        "weight": summary.weight,
        "status": summary.status,
        "root_received": not summary.rootless,
        "adjusted": tree.adjusted,
        "derived": tree.derived,
        "links": sorted({(x[0], x[1], x[2]) for row in rows for x in row.links}),
        "linked_from": tree.linked_from,
        "repeated": repeated(tree),
        "warnings": _warnings(tree),
        "freshness": None,
    }


def failure_json(summary: TraceSummary) -> dict[str, Any] | None:
    """Where a trace failed, under the names of docs/api.md."""
    failure = summary.failure
    if failure is None:
        return None
    return {
        "service": failure.service,
        "name": failure.name,
        "error_type": failure.error_type,
        "error_text": failure.error_text,
        "key": failure.key,
    }


def repeated(tree: Tree) -> list[dict[str, Any]]:
    """Calls that one parent made again and again, the most frequent first: the mark of a loop over single requests."""
    found: list[dict[str, Any]] = [
        {
            "parent": parent.key,
            "service": service,
            "name": name,
            "count": len(calls),
            "total_us": sum(call.end - call.start for call in calls),
        }
        for parent, (service, name), calls in repeats(tree)
    ]
    return sorted(found, key=lambda r: (-r["count"], r["parent"], r["name"]))[:20]


def _services(tree: Tree, summary: TraceSummary) -> list[dict[str, Any]]:
    """``nodes``: calls that the service answered or did itself; ``spans``, ``errors``: its rows, its failing rows."""
    nodes = Counter(node.inner.service for node in tree.nodes if node.inner is not None)
    return [
        {"service": service, "nodes": nodes[service], "spans": rows, "errors": failing}
        for service, rows, failing in summary.services
    ]


def _warnings(tree: Tree) -> list[dict[str, Any]]:
    keys: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for node in tree.nodes:
        for code in node.warnings:
            counts[code] += 1
            if len(known := keys.setdefault(code, [])) < 20:
                known.append(node.key)
    if tree.truncated:
        counts["truncated"], keys["truncated"] = 1, []
    if tree.closed:
        counts["trace_closed"], keys["trace_closed"] = 1, []
    return [
        {
            "code": code,
            "level": WARNINGS[code][0],
            "message": WARNINGS[code][1],
            "count": counts[code],
            "keys": keys[code],
        }
        for code in WARNINGS
        if counts[code]
    ]
