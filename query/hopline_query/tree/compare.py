"""Two traces side by side: calls matched by service, operation and place (U5)."""

from typing import Any

from hopline_query.tree.node import Node, Tree

Key = tuple[str, str, str, int]
"""Service, operation, kind and ordinal among equal siblings."""


def compare(a: Tree, b: Tree) -> list[dict[str, Any]]:
    """Rows of docs/api.md in pre-order: every call of either trace once.

    Calls match where all their ancestors match and they are the n-th sibling of the same
    service, operation and kind: so one retry more shifts nothing.
    """
    rows: list[dict[str, Any]] = []
    stack = [(0, list(reversed(_matched(a.roots, b.roots))))]
    while stack:
        depth, pairs = stack[-1]
        if not pairs:
            stack.pop()
            continue
        left, right, ordinal = pairs.pop()
        rows.append(_row(depth, ordinal, left, right))
        children = _matched(left.children if left else [], right.children if right else [])
        stack.append((depth + 1, children[::-1]))
    return rows


def _matched(left: list[Node], right: list[Node]) -> list[tuple[Node | None, Node | None, int]]:
    """Pairs of siblings in the order of the first trace, those of the second alone after them."""
    others: dict[Key, Node] = dict(_keyed(right))
    pairs: list[tuple[Node | None, Node | None, int]] = []
    for key, node in _keyed(left):
        pairs.append((node, others.pop(key, None), key[3]))
    pairs += [(None, node, key[3]) for key, node in others.items()]
    return pairs


def _keyed(nodes: list[Node]) -> list[tuple[Key, Node]]:
    seen: dict[tuple[str, str, str], int] = {}
    found = []
    for node in nodes:
        row = node.inner
        if node.lost:
            continue
        name = (row.service, row.name, row.kind) if row else ("", node.span_id, "")
        seen[name] = seen.get(name, 0) + 1
        found.append(((*name, seen[name]), node))
    return found


def _row(depth: int, ordinal: int, a: Node | None, b: Node | None) -> dict[str, Any]:
    node = a or b
    assert node is not None
    row = node.inner
    both = a is not None and b is not None
    return {
        "depth": depth,
        "service": row.service if row else "",
        "name": row.name if row else "",
        "kind": row.kind if row else None,
        "ordinal": ordinal,
        "a": _side(a),
        "b": _side(b),
        "delta_us": (b.end - b.start) - (a.end - a.start) if a is not None and b is not None else None,
        "status": "both" if both else "a" if a is not None else "b",
    }


def _side(node: Node | None) -> dict[str, Any] | None:
    if node is None:
        return None
    return {
        "key": node.key,
        "span_id": node.span_id,
        "duration_us": node.end - node.start,
        "self_us": node.self_us,
        "error": node.error,
        "count": node.subtree_nodes,
    }
