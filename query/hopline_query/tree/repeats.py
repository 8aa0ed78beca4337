"""Calls that one parent makes again and again: the mark of a loop over single requests (N+1)."""

from collections.abc import Iterator

from hopline_query.tree.node import Node, Tree

REPEATED = 5
"""Equal calls below one parent from which on they count as repeated."""

Kind = tuple[str, str]
"""Service and operation."""


def repeats(tree: Tree) -> Iterator[tuple[Node, Kind, list[Node]]]:
    """Parent, service and operation, and the calls of them below it, at least :data:`REPEATED`."""
    for node in tree.nodes:
        if len(node.children) < REPEATED:
            continue
        groups: dict[Kind, list[Node]] = {}
        for child in node.children:
            if child.inner is not None:
                groups.setdefault((child.inner.service, child.inner.name), []).append(child)
        for kind, calls in groups.items():
            if len(calls) >= REPEATED:
                yield node, kind, calls
