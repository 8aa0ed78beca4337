"""The header of a trace: what it is, how long, how whole, and where it failed."""

from collections import Counter
from typing import Any

from hopline.model import DEBUG, LOAD_TEST, SAMPLED, Row
from hopline_query.node import WARNINGS, Node, Tree

REPEATED = 5
"""Equal calls below one parent from which on they are listed."""


def header(tree: Tree) -> dict[str, Any]:
    """The part of docs/api.md that all shapes of a trace share; ``freshness`` is the service's."""
    service, name = title(tree)
    rows = [row for node in tree.nodes for row in node.rows]
    flags = 0
    for row in rows:
        flags |= row.flags
    return {
        "trace_id": tree.trace_id,
        "state": tree.state,
        "service": service,
        "name": name,
        "start_us": tree.start_us,
        "end_us": tree.end_us,
        "duration_us": tree.end_us - tree.start_us,
        "expected": tree.expected,
        "received": tree.received,
        "missing": tree.missing,
        "missing_total": tree.missing_total,
        "missing_truncated": tree.missing_total > len(tree.missing),
        "rows": tree.rows,
        "nodes": len(tree.nodes),
        "total_rows": tree.total_rows,
        "truncated": tree.truncated,
        "depth": 1 + max((node.depth for node in tree.nodes), default=-1),
        "errors": sum(node.error for node in tree.nodes),
        "uids": sorted({row.uid for row in rows if row.uid}),
        "envs": sorted({row.env for row in rows if row.env}),
        "services": _services(tree),
        "failure": failure(tree),
        "flags": {"sampled": bool(flags & SAMPLED), "debug": bool(flags & DEBUG), "load_test": bool(flags & LOAD_TEST)},
        "weight": max((row.weight for row in rows), default=1_000),
        "adjusted": tree.adjusted,
        "derived": tree.derived,
        "links": sorted({(x[0], x[1], x[2]) for row in rows for x in row.links}),
        "linked_from": [],
        "repeated": repeated(tree),
        "warnings": _warnings(tree),
        "freshness": None,
    }


def title(tree: Tree) -> tuple[str, str]:
    """Service and operation that name the trace: the root's, else its earliest child's (T5)."""
    root = tree.main
    if root is None:
        return "", ""
    if root.placeholder:
        place = next(i for i, node in enumerate(tree.nodes) if node is root)
        below = tree.nodes[place : place + root.subtree_nodes]
        real = [node for node in below if not node.placeholder] or [n for n in tree.nodes if not n.placeholder]
        root = min(real, key=lambda node: (node.start, node.index), default=root)
    row = root.inner
    return (row.service, row.name) if row else ("", "")


def failure(tree: Tree) -> dict[str, Any] | None:
    """The deepest failing row, where trouble began: deepest node first, then the earliest."""
    failed = [node for node in tree.nodes if node.error]
    if not failed:
        return None
    node = min(failed, key=lambda n: (-n.depth, n.start, n.index))
    row = _failing_row(node)
    return {
        "service": row.service,
        "name": row.name,
        "error_type": row.error_type,
        "error_text": row.error_text,
        "key": node.key,
    }


def repeated(tree: Tree) -> list[dict[str, Any]]:
    """Calls that one parent made again and again, the most frequent first: the mark of a loop over single requests."""
    found: list[dict[str, Any]] = []
    for node in tree.nodes:
        if len(node.children) < REPEATED:
            continue
        groups: dict[tuple[str, str], list[int]] = {}
        for child in node.children:
            if child.inner is not None:
                groups.setdefault((child.inner.service, child.inner.name), []).append(child.end - child.start)
        found += [
            {"parent": node.key, "service": service, "name": name, "count": len(times), "total_us": sum(times)}
            for (service, name), times in groups.items()
            if len(times) >= REPEATED
        ]
    return sorted(found, key=lambda r: (-r["count"], r["parent"], r["name"]))[:20]


def _failing_row(node: Node) -> Row:
    """The callee's row where it failed, else the caller's."""
    assert node.inner is not None
    assert node.outer is not None
    return node.inner if node.inner.error else node.outer


def _services(tree: Tree) -> list[dict[str, Any]]:
    nodes: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for node in tree.nodes:
        if node.inner is not None:
            nodes[node.inner.service] += 1
            errors[node.inner.service] += node.error
    ranked = sorted(nodes.items(), key=lambda item: (-item[1], item[0]))
    return [{"service": service, "nodes": count, "errors": errors[service]} for service, count in ranked]


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
