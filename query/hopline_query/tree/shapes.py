"""The JSON shapes of a trace: tree, flat, timeline, one node (docs/api.md)."""

from collections.abc import Iterable
from typing import Any

from hopline.model import KINDS, Row, flags_to_json
from hopline_query.tree.header import header
from hopline_query.tree.node import WAITING_PAIRS, WARNINGS, Node, Tree

Json = dict[str, Any]

NESTING = 200
"""Levels of nested children; common JSON readers give up at 1,000 levels of brackets."""

ERROR, PLACEHOLDER, UNFINISHED, DERIVED, ERROR_BELOW, CRITICAL, WARNED, ONE_WAY, MOVED, UNSEEN, TIMELESS = (
    1 << bit for bit in range(11)
)
"""Bits of the timeline's ``flags`` column."""


FLAGS = [flags_to_json(flags) for flags in range(8)]
"""Bit set of a row -> its flags as an object."""


def row_json(row: Row) -> Json:
    """A row under the names of the model, flags as an object."""
    return {
        "trace_id": row.trace_id,
        "span_id": row.span_id,
        "id": row.id,
        "parent_id": row.parent_id,
        "kind": row.kind,
        "service": row.service,
        "name": row.name,
        "instance": row.instance,
        "host": row.host,
        "zone": row.zone,
        "env": row.env,
        "version": row.version,
        "start_us": row.start_us,
        "duration_us": row.duration_us,
        "error": row.error,
        "error_type": row.error_type,
        "error_text": row.error_text,
        "caller_service": row.caller_service,
        "caller_instance": row.caller_instance,
        "caller_zone": row.caller_zone,
        "caller_name": row.caller_name,
        "peer": row.peer,
        "peer_kind": row.peer_kind,
        "uid": row.uid,
        "annotations": row.annotations,
        "tags": row.tags,
        "attrs": row.attrs,
        "links": row.links,
        "children": row.children,
        "flags": FLAGS[row.flags & 7].copy(),
        "weight": row.weight,
        "attempt": row.attempt,
        "arrived": row.arrived,
    }


def node_json(node: Node, tree: Tree) -> Json:
    """One node without its children."""
    outer, inner = node.outer, node.inner
    failed = next((row for row in (inner, outer) if row is not None and row.error), inner)
    caller = _known_caller(node)
    both = node.two_sided
    main = tree.main
    whole = main.end - main.start if main else 0
    return {
        "key": node.key,
        "span_id": node.span_id,
        "derived": node.derived,
        "reported": node.reported,
        "id": inner.id if inner else node.missing_id,
        "service": inner.service if inner else caller[0],
        "name": inner.name if inner else caller[1],
        "kind": inner.kind if inner else None,
        "peer": outer.peer if outer else "",
        "peer_kind": outer.peer_kind if outer else "",
        "caller_service": _caller_service(node),
        "caller_name": inner.caller_name if inner else "",
        "instance": inner.instance if inner else "",
        "placeholder": node.placeholder,
        "depth": node.depth,
        "start_us": node.start,
        "duration_us": node.end - node.start,
        "inner_start_us": node.inner_start if both else None,
        "inner_duration_us": node.inner_end - node.inner_start if both else None,
        "unfinished": node.unfinished,
        "time_unknown": node.lost,
        "error": node.error,
        "error_type": failed.error_type if failed else "",
        "error_text": failed.error_text if failed else "",
        "attempt": outer.attempt if outer else 0,
        "one_way": node.one_way,
        "network": {
            "out_us": node.inner_start - node.start,
            "in_us": node.end - node.inner_end,
            "total_us": (node.end - node.start) - (node.inner_end - node.inner_start),
        }
        if both
        else None,
        "queue_us": node.queue_us,
        "self_us": node.self_us,
        "gap_us": node.gap_us,
        "critical_us": node.critical_us,
        "critical_share": round(node.critical_us / whole, 6) if whole else 0.0,
        "subtree_nodes": node.subtree_nodes,
        "subtree_errors": node.subtree_errors,
        "skew_us": node.skew_us if tree.adjusted else None,
        "skew_reason": node.skew_reason,
        "expected_children": node.expected_children,
        "missing_children": node.missing_children[:100],
        "warnings": [warning_json(code) for code in node.warnings],
        "rows": [row_json(row) for row in node.rows],
    }


def warning_json(code: str) -> Json:
    """A warning with its level and its sentence."""
    level, message = WARNINGS[code]
    return {"code": code, "level": level, "message": message}


def tree_json(tree: Tree, root: Node | None = None) -> Json:
    """Header and nested nodes; what lies deeper than :data:`NESTING` goes on in ``continued``."""
    answer = header(tree)
    made: dict[int, Json] = {}
    continued: list[Json] = []
    roots: list[Json] = []
    top = root.depth if root else 0
    for node in subtree(tree, root):
        value = made[id(node)] = node_json(node, tree)
        value["children"] = []
        if node is root or node.parent is None:
            roots.append(value)
        elif (node.depth - top) % NESTING == 0:
            continued.append({"parent": node.parent.key, "node": value})
        else:
            made[id(node.parent)]["children"].append(value)
    answer["roots"] = roots
    answer["continued"] = continued
    answer["window"] = _window(0, None, len(made), root)
    return answer


def flat_json(
    tree: Tree, root: Node | None = None, offset: int = 0, limit: int | None = None, focus: Node | None = None
) -> Json:
    """Header and a window of the nodes in pre-order."""
    nodes = subtree(tree, root)
    window, offset = _cut(nodes, offset, limit, focus)
    answer = header(tree)
    answer["nodes"] = [indexed_json(node, tree) for node in window]
    answer["window"] = _window(offset, limit, len(nodes), root)
    return answer


def indexed_json(node: Node, tree: Tree) -> Json:
    """A node with its place in the whole trace and its parent's."""
    value = node_json(node, tree)
    value["index"] = node.index
    value["parent"] = node.parent.index if node.parent else None
    return value


def timeline_json(
    tree: Tree, root: Node | None = None, offset: int = 0, limit: int | None = None, focus: Node | None = None
) -> Json:
    """Header and columns for the waterfall: under 100 bytes a node before compression."""
    nodes = subtree(tree, root)
    window, offset = _cut(nodes, offset, limit, focus)
    place = {node.index: index for index, node in enumerate(window)}
    services, names = _Table(), _Table()
    rows = []
    for node in window:
        row = node.inner
        service, name = (row.service, row.name) if row else _known_caller(node)
        rows.append(
            (
                node.key,
                node.span_id,
                place.get(node.parent.index, -1) if node.parent else -1,
                node.depth,
                services.index(service),
                names.index(name),
                KINDS.index(row.kind) if row and row.kind in KINDS else 0,
                node.start - tree.start_us,
                node.end - node.start,
                node.inner_start - tree.start_us if node.two_sided else -1,
                node.inner_end - node.inner_start if node.two_sided else -1,
                _flags(node),
                node.subtree_nodes,
                node.self_us,
                node.gap_us,
                node.critical_us,
                node.outer.attempt if node.outer else 0,
                node.outer.peer if node.outer else "",
            )
        )
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
    answer = header(tree)
    answer["service_table"] = services.values
    answer["name_table"] = names.values
    answer["kinds"] = list(KINDS)
    answer["columns"] = dict(zip(COLUMNS, columns, strict=True))
    answer["critical_path"] = [
        [place[node.index], begin - tree.start_us, end - tree.start_us]
        for node, begin, end in tree.critical_path
        if node.index in place
    ]
    answer["window"] = _window(offset, limit, len(nodes), root)
    return answer


COLUMNS = (
    *("key", "span_id", "parent", "depth", "service", "name", "kind", "start", "duration"),
    *("inner_start", "inner_duration", "flags", "subtree", "self", "gap", "critical", "attempt", "peer"),
)
"""Columns of the timeline, all of one length."""


class _Table:
    """Strings to small numbers, in order of first use."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._known: dict[str, int] = {}

    def index(self, value: str) -> int:
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = len(self.values)
            self.values.append(value)
        return known


def subtree(tree: Tree, root: Node | None) -> list[Node]:
    """The nodes of a subtree in pre-order."""
    return tree.nodes[within(root)]


def within(root: Node | None) -> slice:
    """Where a subtree stands among all nodes: pre-order keeps subtrees together. None is the whole tree."""
    return slice(None) if root is None else slice(root.index, root.index + root.subtree_nodes)


def _caller_service(node: Node) -> str:
    """Who called: the caller's row tells, or the producer's, else the header that came in."""
    if node.outer is None or node.inner is None:
        return ""
    if node.two_sided:
        return node.outer.service
    sent_by = node.sender.inner if node.sender else None
    return node.inner.caller_service or (sent_by.service if sent_by else "")


def _known_caller(node: Node) -> tuple[str, str]:
    """Service and operation of a placeholder, as far as its children know them."""
    if not node.placeholder or node.lost:
        return "", ""
    rows: Iterable[Row] = (child.outer for child in node.children if child.outer is not None)
    for row in rows:
        if row.kind in WAITING_PAIRS or row.kind == "consumer":
            if row.caller_service:
                return row.caller_service, row.caller_name
        else:
            return row.service, ""
    return "", ""


def _flags(node: Node) -> int:
    moved = bool(node.skew_us) or "skew_adjusted" in node.warnings
    return (
        ERROR * node.error
        | PLACEHOLDER * node.placeholder
        | UNFINISHED * node.unfinished
        | DERIVED * node.derived
        | ERROR_BELOW * (node.subtree_errors > node.error)
        | CRITICAL * (node.critical_us > 0)
        | WARNED * any(WARNINGS[code][0] == "warning" for code in node.warnings)
        | ONE_WAY * node.one_way
        | MOVED * moved
        | UNSEEN * ("server_not_received" in node.warnings)
        | TIMELESS * node.lost
    )


def _cut(nodes: list[Node], offset: int, limit: int | None, focus: Node | None) -> tuple[list[Node], int]:
    if limit is None:
        return nodes[offset:], offset
    if focus is not None and nodes:
        place = focus.index - nodes[0].index
        if not offset <= place < offset + limit:
            offset = max(0, place - limit // 2)
    return nodes[offset : offset + limit], offset


def _window(offset: int, limit: int | None, total: int, root: Node | None) -> Json:
    return {"offset": offset, "limit": limit, "total": total, "root": root.key if root else None}
