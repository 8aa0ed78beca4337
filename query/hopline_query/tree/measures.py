"""Figures of each node: clamped times, self time, gap, sizes and errors of subtrees (T17, T21)."""

from hopline.model import Row
from hopline_query.tree.node import Node
from hopline_query.tree.skew import outside

LONGEST_US = 24 * 3600 * 1_000_000
"""Longest believable duration, the collector's own limit."""


def set_times(nodes: list[Node], rows: list[Row]) -> tuple[int, int]:
    """Give every node with rows believable bars; answers first start and last end of the trace (T15, T17)."""
    starts = [row.start_us for row in rows if _believable(row.start_us)]
    first = min(starts, default=0)
    last = max((_end(row, first) for row in rows), default=first)
    for node in nodes:
        if node.outer is None or node.inner is None:
            continue
        node.start, node.end = _bar(node, node.outer, first, last)
        node.inner_start, node.inner_end = node.start, node.end
        if node.two_sided:
            node.inner_start, node.inner_end = _bar(node, node.inner, first, last)
    return first, last


def span_placeholders(nodes: list[Node], first: int) -> None:
    """Placeholders cover what came below them; ``nodes`` in pre-order."""
    for node in reversed(nodes):
        if node.placeholder and not node.lost:
            node.start = min((child.start for child in node.children), default=first)
            node.end = max((child.end for child in node.children), default=node.start)
            node.inner_start, node.inner_end = node.start, node.end


def measure(nodes: list[Node]) -> None:
    """Set index, self time, gap, subtree size and errors; ``nodes`` in pre-order, siblings in order."""
    for index, node in enumerate(nodes):
        node.index = index
        node.subtree_nodes, node.subtree_errors = 1, int(node.error)
        before = node.inner_start
        for child in node.children:
            child.gap_us = 0 if child.lost else child.start - before
            before = before if child.lost else child.end
        node.self_us = 0 if node.placeholder else _self_time(node)
        if outside(node) and "skew_adjusted" not in node.warnings:
            node.warn("outside_parent")
    for node in reversed(nodes):
        if node.parent is not None:
            node.parent.subtree_nodes += node.subtree_nodes
            node.parent.subtree_errors += node.subtree_errors


def _self_time(node: Node) -> int:
    """The callee's bar minus the union of its waited-for children."""
    begin, end = node.inner_start, node.inner_end
    if not node.children:
        return end - begin
    covered, reach = 0, begin
    bars = sorted((child.start, child.end) for child in node.children if not child.detached)
    for start, stop in bars:
        start, stop = max(start, reach), min(stop, end)  # noqa: PLW2901  clipping is the point
        if stop > start:
            covered += stop - start
            reach = stop
    return end - begin - covered


def _bar(node: Node, row: Row, first: int, last: int) -> tuple[int, int]:
    start = row.start_us
    if not _believable(start):
        node.warn("time_clamped")
        start = first
    if row.duration_us is None:
        node.warn("unfinished")
        return start, max(last, start)
    if not 0 <= row.duration_us <= LONGEST_US:
        node.warn("time_clamped")
    return start, start + min(max(row.duration_us, 0), LONGEST_US)


def _end(row: Row, first: int) -> int:
    start = row.start_us if _believable(row.start_us) else first
    return start + min(max(row.duration_us or 0, 0), LONGEST_US)


def _believable(start_us: int | None) -> bool:
    """True for a time a store can hold: after 1970 and before the year 10000."""
    return start_us is not None and 0 < start_us < 253_402_300_800_000_000
