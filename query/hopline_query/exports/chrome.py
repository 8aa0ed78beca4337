"""A tree as Chrome trace events, for Perfetto and chrome://tracing."""

from typing import Any

from hopline_query.node import Node, Tree


def trace(tree: Tree) -> dict[str, Any]:
    """``{"traceEvents": [...]}``: a process per service, a lane per level of the tree."""
    processes: dict[str, int] = {}
    events: list[dict[str, Any]] = []
    for node in tree.nodes:
        if node.inner is None:
            continue
        service = node.inner.service
        pid = processes.setdefault(service, len(processes) + 1)
        events.append(_complete(node, pid, tree))
        events += [
            {"name": key, "cat": "annotation", "ph": "i", "s": "t", "ts": ts, "pid": pid, "tid": node.depth}
            for row in node.rows
            for ts, key, _ in row.annotations
        ]
    names: list[dict[str, Any]] = [
        {"name": "process_name", "ph": "M", "pid": pid, "tid": 0, "args": {"name": service}}
        for service, pid in processes.items()
    ]
    return {"traceEvents": names + events, "displayTimeUnit": "ms", "otherData": {"trace_id": tree.trace_id}}


def _complete(node: Node, pid: int, tree: Tree) -> dict[str, Any]:
    assert node.inner is not None
    args = {"span_id": node.span_id, "id": node.inner.id, "kind": node.inner.kind, "error": str(node.error)}
    tags = {key: value for row in node.rows for key, value in (row.attrs | row.tags).items()}
    return {
        "name": node.inner.name,
        "cat": "error" if node.error else node.inner.kind,
        "ph": "X",
        "ts": node.inner_start,
        "dur": node.inner_end - node.inner_start,
        "pid": pid,
        "tid": node.depth,
        "args": args | tags | {"trace_id": tree.trace_id},
    }
