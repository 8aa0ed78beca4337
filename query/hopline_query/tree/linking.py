"""From rows to linked nodes: who caused whom (T1-T5, T7, T9, T18, M5, M10).

Ids first: a row's parent is the row with its ``parent_id``; a server's row and the
row of the call that it answers share one node, a consumer hangs below its producer. Where an id leads nowhere the path
tells the place, and placeholders stand for the ancestors that never came.
"""

from collections import defaultdict

from hopline.model import CALL_KINDS, ENTRY_KINDS, Row
from hopline_query.tree.node import PAIRS, WAITING_PAIRS, Node
from hopline_query.tree.paths import parent_path, well_formed

CANDIDATES = 8
"""How many rows or nodes of one id or path are weighed against each other; more are hostile."""

PLACEHOLDERS = 10_000
"""Placeholder ancestors per trace; hostile paths could ask for 80 a row."""

NONE = -1
MISSING = -2


def link(rows: list[Row]) -> list[Node]:
    """Nodes with parents, in order of their first row, placeholders last; no cycles.

    ``rows`` are united and in order (:func:`hopline_query.tree.copies.unite`).
    """
    return _Linker(rows).run()


class _Linker:
    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.by_id: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            if row.id:
                self.by_id[row.id].append(index)
        self.paths = [row.span_id if well_formed(row.span_id) else "" for row in rows]
        self.self_parents: set[int] = set()
        self.nodes: list[Node] = []
        self.by_path: dict[str, list[Node]] = defaultdict(list)
        self.placeholders: dict[str, Node] = {}

    def run(self) -> list[Node]:
        causes = [self._cause(index) for index in range(len(self.rows))]
        node_of, twins = self._make_nodes(causes)
        for index, node in enumerate(node_of):
            if node.outer is not self.rows[index] or index in twins:
                continue
            if causes[index] >= 0:
                node.parent = node_of[causes[index]]
            else:
                node.parent = self._place(node, missing=causes[index] == MISSING)
        for index, first in twins.items():
            node_of[index].parent = first.parent
        self.nodes.extend(self.placeholders.values())
        _break_cycles(self.nodes)
        return self.nodes

    def _cause(self, index: int) -> int:
        """Index of the row that caused this one; NONE for a root, MISSING when it did not come."""
        row = self.rows[index]
        same = self.by_id[row.id] if row.id and row.kind in PAIRS else ()
        if len(same) > 1:
            shared = [i for i in same[:CANDIDATES] if self.rows[i].kind == PAIRS[row.kind]]
            if shared:
                return self._closest(row, shared)
        if not row.parent_id:
            return NONE
        if row.parent_id == row.id:
            self.self_parents.add(index)
            return NONE
        found = self.by_id.get(row.parent_id)
        return self._closest(row, found[:CANDIDATES]) if found else MISSING

    def _closest(self, row: Row, candidates: list[int]) -> int:
        """Of several rows with one id, the one most likely meant: a call for its callee, else the same process."""
        if len(candidates) == 1:
            return candidates[0]
        entry = row.kind in ENTRY_KINDS

        def distance(index: int) -> tuple[bool, bool, bool, int]:
            other = self.rows[index]
            if entry:
                return (
                    other.kind not in CALL_KINDS,
                    other.instance != row.caller_instance,
                    other.service != row.caller_service,
                    index,
                )
            return (other.service != row.service, other.instance != row.instance, other.kind in CALL_KINDS, index)

        return min(candidates, key=distance)

    def _make_nodes(self, causes: list[int]) -> tuple[list[Node], dict[int, Node]]:
        """A node per call. The first server joins its caller's node; further ones become its siblings (T9).

        Consumers stay nodes of their own; those whose producer is told by the path alone get it as their cause.
        """
        calls_at: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(self.rows):
            if row.kind in CALL_KINDS and self.paths[index]:
                calls_at[self.paths[index]].append(index)
        answered: dict[int, int] = {}
        twin_of: dict[int, int] = {}
        for index, row in enumerate(self.rows):
            if row.kind not in PAIRS:
                continue
            call = self._call(index, causes[index], calls_at)
            if row.kind not in WAITING_PAIRS:
                causes[index] = causes[index] if call == NONE else call
            elif call != NONE and answered.setdefault(call, index) != index:
                twin_of[index] = call
        caller_of = {callee: call for call, callee in answered.items()}
        made: dict[int, Node] = {}
        for index in range(len(self.rows)):
            call = caller_of.get(index, index)
            if call not in made:
                made[call] = self._node(call, answered.get(call, call))
        node_of = [made[caller_of.get(index, index)] for index in range(len(self.rows))]
        for index, call in twin_of.items():
            made[call].warn("several_receivers")
            node_of[index].warn("several_receivers")
        return node_of, {index: made[call] for index, call in twin_of.items()}

    def _call(self, index: int, cause: int, calls_at: dict[str, list[int]]) -> int:
        """The call row that this callee answers, NONE when it is a node of its own."""
        row, path = self.rows[index], self.paths[index]
        if cause >= 0:
            caller, caller_path = self.rows[cause], self.paths[cause]
            same = path == caller_path or not (path and caller_path) or path == "~"
            return cause if caller.kind == PAIRS[row.kind] and same else NONE
        if cause == MISSING or not path or index in self.self_parents:
            return NONE
        known = [i for i in calls_at[path][:CANDIDATES] if self.rows[i].kind == PAIRS[row.kind]]
        named = [i for i in known if row.caller_service and self.rows[i].service == row.caller_service]
        if parent_path(path):
            return (named or known or [NONE])[0]
        return named[0] if named else NONE

    def _node(self, call: int, callee: int) -> Node:
        path = self.paths[call]
        if callee != call and path in {"", "~"}:
            path = self.paths[callee] or path
        node = Node(self.rows[call], self.rows[callee], path)
        for index in {call, callee}:
            if self.rows[index].span_id and not self.paths[index]:
                node.warn("malformed_path")
            if index in self.self_parents:
                node.warn("self_parent")
        self.nodes.append(node)
        if path:
            self.by_path[path].append(node)
        return node

    def _place(self, node: Node, *, missing: bool) -> Node | None:
        """The parent by path or a placeholder, for a node whose parent's row is not there."""
        assert node.outer is not None
        path = node.reported
        if missing:
            node.warn("missing_parent" if not node.called or not parent_path(path) else "client_not_received")
        if not path:
            return self._placeholder(f"p:{node.outer.parent_id}", "", node.outer.parent_id or "") if missing else None
        above = parent_path(path)
        if not above:
            return None
        known = self._at_path(above, node, missing=missing)
        return known or self._ancestor(above)

    def _at_path(self, path: str, node: Node, *, missing: bool) -> Node | None:
        """A received node at this path that can have caused ``node``."""
        assert node.outer is not None
        known = self.by_path.get(path, [])[:CANDIDATES]
        if missing and node.outer.kind not in ENTRY_KINDS:
            # The row that caused it ran in its own process and is not here: only a call whose
            # callee never came can be its other side.
            known = [other for other in known if not other.called]
        # A call hands its path on and numbers no children: the callee's side comes first where it is there.
        known = sorted(known, key=lambda other: other.inner is not None and other.inner.kind in CALL_KINDS)
        if path.startswith("~") and len(self.by_path["~"]) > 1:
            known = [other for other in known if other.inner and other.inner.instance == node.outer.instance]
        for other in known:
            if other.inner is not None and other.inner.service in {node.outer.service, node.outer.caller_service}:
                return other
        return known[0] if known else None

    def _ancestor(self, path: str) -> Node | None:
        """A placeholder at ``path``, hung below what came of its own ancestors (T4, T5)."""
        child: Node | None = None
        lowest: Node | None = None
        while path:
            known = self.placeholders.get(path) or (self._numbering(path) if child else None)
            node = known or self._placeholder(path, path, "")
            if node is None:
                break
            lowest = lowest or node
            if child is not None:
                child.parent = node
            if known:
                break
            child, path = node, parent_path(path)
        return lowest

    def _numbering(self, path: str) -> Node | None:
        """The first node at ``path`` that can have numbered children, else the first."""
        known = self.by_path.get(path, [])[:CANDIDATES]
        able = (node for node in known if node.inner is not None and node.inner.kind not in CALL_KINDS)
        return next(able, known[0] if known else None)

    def _placeholder(self, name: str, path: str, missing_id: str) -> Node | None:
        known = self.placeholders.get(name)
        if known is None and len(self.placeholders) < PLACEHOLDERS:
            known = self.placeholders[name] = Node(None, None, path)
            known.missing_id = missing_id
        return known


def _break_cycles(nodes: list[Node]) -> None:
    """Cut every circle of parents at its earliest node, which becomes a root (T18)."""
    place = {id(node): index for index, node in enumerate(nodes)}
    seen: dict[int, int] = {}
    for start, node in enumerate(nodes):
        walk: Node | None = node
        trail: list[Node] = []
        while walk is not None and id(walk) not in seen:
            seen[id(walk)] = start
            trail.append(walk)
            walk = walk.parent
        if walk is not None and seen[id(walk)] == start:
            circle = trail[next(i for i, n in enumerate(trail) if n is walk) :]
            first = min(circle, key=lambda n: place[id(n)])
            first.parent = None
            first.warn("cycle")
