"""A tree as Chrome trace events, for Perfetto and chrome://tracing.

Slices of one track must lie within each other or apart: what overlaps gets a track of its own
(the format's "Trace Event Format" document, section "Complete Events").
"""

from collections.abc import Iterator
from typing import Any

from hopline.model import Row
from hopline_query.exports.sent import STRUCTURE
from hopline_query.tree.node import Node, Tree

Json = dict[str, Any]


def trace(tree: Tree) -> Json:
    """``{"traceEvents": [...]}``: a process per service, a slice per span, as few tracks as hold them."""
    processes: dict[str, int] = {}
    tracks: dict[int, list[list[int]]] = {}
    events: list[Json] = []
    for node, row, start, end in sorted(_slices(tree), key=lambda found: (found[2], -found[3], found[0].index)):
        pid = processes.setdefault(row.service, len(processes) + 1)
        tid = _track(tracks.setdefault(pid, []), start, end)
        place = {"pid": pid, "tid": tid}
        events.append(_complete(node, row, tree) | {"ts": start, "dur": end - start} | place)
        events += [
            {"name": key, "cat": "annotation", "ph": "i", "s": "t", "ts": at} | place for at, key, _ in row.annotations
        ]
    names = [_named("process_name", service, pid, 0) for service, pid in processes.items()]
    names += [
        _named("thread_name", f"{service} {tid}", pid, tid)
        for service, pid in processes.items()
        for tid in range(1, len(tracks[pid]) + 1)
    ]
    return {"traceEvents": names + events, "displayTimeUnit": "ms", "otherData": {"trace_id": tree.trace_id}}


def _slices(tree: Tree) -> Iterator[tuple[Node, Row, int, int]]:
    """Every span with its start and end: of a call with two sides both."""
    for node in tree.nodes:
        for row in node.rows:
            outer = row is node.outer
            yield node, row, node.start if outer else node.inner_start, node.end if outer else node.inner_end


def _track(tracks: list[list[int]], start: int, end: int) -> int:
    """The number of the first track, from 1, in which a slice lies within what is open there, or after it."""
    for number, ends in enumerate(tracks, 1):
        while ends and ends[-1] <= start:
            ends.pop()
        if not ends or end <= ends[-1]:
            ends.append(end)
            return number
    tracks.append([end])
    return len(tracks)


def _named(what: str, name: str, pid: int, tid: int) -> Json:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}


def _complete(node: Node, row: Row, tree: Tree) -> Json:
    args = {"span_id": node.span_id, "id": row.id, "kind": row.kind, "error": str(row.error)}
    tags = {key: value for key, value in (row.attrs | row.tags).items() if key not in STRUCTURE}
    return {
        "name": row.name,
        "cat": "error" if row.error else row.kind,
        "ph": "X",
        "args": args | tags | {"trace_id": tree.trace_id},
    }
