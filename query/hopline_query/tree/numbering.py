"""Absolute span ids for every node, and the order of siblings (M6, M10, T16, T22).

Nodes whose path was reported keep it. Fragments (``~.1``) and rows of other tracers get
one derived from their place: numbers after the last one that the parent handed out, by
start and id.
"""

from hopline_query.tree.node import Node
from hopline_query.tree.paths import child_path, counters, number, parent_path


def number_nodes(roots: list[Node], *, absolute: bool) -> None:
    """Set ``span_id``, ``derived``, ``depth`` and the order of ``children`` below ``roots``, in place.

    ``absolute`` says that some row of the trace reported an absolute path: then a root
    without one stays a fragment (``~``), else it is ``0``.
    """
    roots.sort(key=_by_time)
    for root in roots:
        if root.reported:
            known = absolute or root.reported != "~"
            root.span_id = root.reported if known else "0"
        else:
            root.span_id = "~" if absolute else "0"
        root.derived = root.span_id != root.reported
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.children:
            _number_children(node)
            stack.extend(node.children)


def own_number(child: Node, parent: Node) -> int | None:
    """The child number that this parent gave, None where it gave none."""
    above = parent_path(child.reported)
    if not above:
        return None
    outer, inner = parent.outer, parent.inner
    if outer is None or inner is None:
        given = above in (parent.reported, parent.span_id)
    else:
        given = above in (parent.reported, outer.span_id, inner.span_id)
    return number(child.reported) if given else None


def _number_children(node: Node) -> None:
    numbered: list[tuple[int, Node]] = []
    others: list[Node] = []
    for child in node.children:
        ordinal = own_number(child, node)
        if ordinal is not None:
            numbered.append((ordinal, child))
        else:
            others.append(child)
    last = max([node.handed_out, *counters((ordinal for ordinal, _ in numbered), node.handed_out)])
    for ordinal, child in numbered:
        above = parent_path(child.reported)
        child.span_id = child.reported if above == node.span_id else child_path(node.span_id, ordinal)
    numbered.sort(key=lambda pair: (pair[0], *_by_time(pair[1])))
    others.sort(key=_by_time)
    for child in others:
        if child.reported.startswith("0"):
            child.span_id = child.reported
        elif child.sender is node and child.reported in {"", "~", node.reported}:
            # A producer hands its own path to every consumer of its message (M4).
            child.span_id = node.span_id
        else:
            last += 1
            child.span_id = child_path(node.span_id, last)
    for child in node.children:
        child.depth = node.depth + 1
        child.derived = child.span_id != child.reported
    node.children = [child for _, child in numbered] + others


def _by_time(node: Node) -> tuple[int, str, str, str, str]:
    row = node.outer
    if row is None:
        return (node.start, node.reported, node.missing_id, "", "")
    return (node.start, row.id, row.kind, row.service, row.instance)
