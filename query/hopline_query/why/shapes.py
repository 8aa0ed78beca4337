"""The shape of a trace: which operation calls which, with repeats folded into one."""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

from hopline_query.tree.node import Node, Tree
from hopline_query.tree.summary import TraceSummary

DEEPEST = 200
"""Lines of an outline."""


@dataclass(slots=True)
class Shape:
    """All traces of one shape; durations in microseconds."""

    shape: str
    took_us: list[int] = field(default_factory=list)
    errors: int = 0
    first_seen_us: int = 0
    last_seen_us: int = 0
    newest: tuple[int, str] = (0, "")
    tree: Tree | None = None
    """The newest trace: the outline is drawn from it."""


def shape_of(tree: Tree) -> str:
    """16 hex digits that are equal for traces whose calls have the same services, operations and callers.

    Calls of one caller that have the same shape count once, and their order does not matter.
    """
    return _named(("", "", _below(tree.roots, _shapes(tree))))


def shapes(trees: list[Tree], summaries: list[TraceSummary]) -> list[Shape]:
    """The shapes of these traces, most frequent first."""
    found: dict[str, Shape] = {}
    for tree, summary in zip(trees, summaries, strict=True):
        name = shape_of(tree)
        shape = found.setdefault(name, Shape(name, first_seen_us=summary.start_us))
        shape.took_us.append(summary.duration_us)
        shape.errors += summary.errors > 0
        shape.first_seen_us = min(shape.first_seen_us, summary.start_us)
        shape.last_seen_us = max(shape.last_seen_us, summary.start_us)
        if (summary.start_us, summary.trace_id) >= shape.newest:
            shape.newest, shape.tree = (summary.start_us, summary.trace_id), tree
    return sorted(found.values(), key=lambda s: (-len(s.took_us), s.shape))


def outline(tree: Tree) -> list[tuple[int, str, str, int]]:
    """``(depth, service, operation, times)`` of every folded call, at most :data:`DEEPEST` of them."""
    names = _shapes(tree)
    found: list[tuple[int, str, str, int]] = []
    stack = [(0, node, times) for node, times in reversed(_folded(tree.roots, names))]
    while stack and len(found) < DEEPEST:
        depth, node, times = stack.pop()
        found.append((depth, *_name(node), times))
        stack += [(depth + 1, child, often) for child, often in reversed(_folded(node.children, names))]
    return found


def _folded(nodes: list[Node], names: dict[int, str]) -> list[tuple[Node, int]]:
    """The first call of each shape, and how many there are."""
    times = Counter(names[node.index] for node in nodes)
    first: dict[str, Node] = {}
    for node in nodes:
        first.setdefault(names[node.index], node)
    return [(node, times[name]) for name, node in first.items()]


def _shapes(tree: Tree) -> dict[int, str]:
    """Index of each node -> the shape of what is at and below it."""
    names: dict[int, str] = {}
    for node in reversed(tree.nodes):
        names[node.index] = _named((*_name(node), _below(node.children, names)))
    return names


def _below(nodes: list[Node], names: dict[int, str]) -> tuple[str, ...]:
    return tuple(sorted({names[node.index] for node in nodes}))


def _name(node: Node) -> tuple[str, str]:
    return (node.inner.service, node.inner.name) if node.inner is not None else ("", "")


def _named(parts: tuple[str, str, tuple[str, ...]]) -> str:
    return blake2b(repr(parts).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
