"""Rows in, call tree out: pure, linear, never recursive (T1-T22).

The order and the duplication of the input never show in the result.
"""

from collections.abc import Iterable, Sequence

from hopline.model import Row
from hopline_query.tree import completeness, measures, skew
from hopline_query.tree.copies import unite
from hopline_query.tree.critical_path import critical_path
from hopline_query.tree.linking import link
from hopline_query.tree.node import Node, Tree, preorder
from hopline_query.tree.numbering import number_nodes
from hopline_query.tree.paths import well_formed

LIMIT = 100_000
"""Rows of one tree; more are cut, latest first, and the tree says so (T20)."""


def build_tree(
    rows: Iterable[Row],
    *,
    now_us: int,
    adjust: bool = False,
    limit: int = LIMIT,
    skew_cap_us: int = skew.CAP_US,
    instrumented: Iterable[str] = (),
) -> Tree:
    """The tree of one trace.

    ``rows`` are all rows of the trace that were read, in any order and with copies.
    ``now_us`` decides between in progress and incomplete. ``adjust`` moves skewed
    subtrees by at most ``skew_cap_us``. ``instrumented`` names services known to report,
    besides those in the rows.
    """
    united = unite(rows)
    kept = united[:limit]
    nodes = link(kept)
    first, last = measures.set_times(nodes, kept)
    roots = _hang(nodes)
    measures.span_placeholders(preorder(roots), first)
    number_nodes(roots, absolute=any(row.span_id.startswith("0") and well_formed(row.span_id) for row in kept))
    ordered = preorder(roots)
    _flag(roots, ordered)
    _set_keys(ordered)
    if adjust:
        skew.adjust(ordered, skew_cap_us)
        measures.span_placeholders(ordered, first)
        first, last = _hull(ordered, first, last)
    tree = Tree(
        trace_id=min((row.trace_id for row in kept), default=""),
        roots=roots,
        nodes=ordered,
        start_us=first,
        end_us=last,
        rows=len(kept),
        total_rows=len(united),
        truncated=len(united) > len(kept),
        adjusted=adjust,
        skew_cap_us=skew_cap_us,
        derived=any(node.derived and not node.placeholder for node in ordered),
    )
    completeness.find_missing(tree)
    known = frozenset(instrumented) | {row.service for row in kept}
    tree.state = completeness.state(tree, now_us, known)
    for node in ordered:
        if completeness.server_unseen(node):
            node.warn("server_not_received")
    tree.nodes = preorder(roots)
    _set_keys([node for node in tree.nodes if node.lost])
    measures.measure(tree.nodes)
    if tree.main is not None:
        tree.critical_path = critical_path(tree.main)
    return tree


def _hang(nodes: Sequence[Node]) -> list[Node]:
    """Fill ``children`` from ``parent``; answers the roots."""
    roots = []
    for node in nodes:
        if node.parent is None:
            roots.append(node)
        else:
            node.parent.children.append(node)
    return roots


def _flag(roots: list[Node], nodes: list[Node]) -> None:
    """Warnings that need the finished shape: roots, repeated paths, fragments, derived ids."""
    for root in roots:
        if len(roots) > 1:
            root.warn("several_roots")
        if root.placeholder:
            root.warn("missing_root")
    for node in nodes:
        if node.placeholder:
            node.warn("missing_parent")
        if node.derived and not node.placeholder:
            node.warn("fragment" if node.reported.startswith("~") else "derived_path")
        if not node.children:
            continue
        seen: dict[str, Node] = {}
        consumers = [child for child in node.children if child.sender is node]
        for child in consumers if len(consumers) > 1 else ():
            child.warn("several_receivers")
        for child in node.children:
            if child.sender is node:
                continue
            twin = seen.setdefault(child.span_id, child)
            if twin is not child and child.span_id:
                twin.warn("duplicate_path")
                child.warn("duplicate_path")


def _set_keys(nodes: list[Node]) -> None:
    """A link name for each node: the id nearest to the work, counted up where ids repeat."""
    used: dict[str, int] = {}
    for node in nodes:
        if node.inner is not None:
            name = node.inner.id or f"r:{node.span_id}"
        else:
            name = f"p:{node.missing_id or node.span_id}"
        used[name] = used.get(name, 0) + 1
        node.key = name if used[name] == 1 else f"{name}.{used[name]}"


def _hull(nodes: list[Node], first: int, last: int) -> tuple[int, int]:
    """First start and last end after bars were moved."""
    real = [node for node in nodes if not node.placeholder]
    begin = min((min(node.start, node.inner_start) for node in real), default=first)
    return begin, max((max(node.end, node.inner_end) for node in real), default=last)
