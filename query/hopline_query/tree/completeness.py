"""What of a trace came and what is missing (T6, T12, T21).

Every row says how many child numbers it handed out, so the loss of a leaf is provable,
and a gap in the numbers names the lost call exactly.
"""

from hopline_query.tree.node import Node, Tree
from hopline_query.tree.numbering import own_number
from hopline_query.tree.paths import child_path, counters, number

LISTED = 1_000
"""Missing ids that are named in one answer; the count goes on."""

SHOWN_PER_NODE = 50
"""Lost leaves that are drawn as placeholders below one node."""

QUIET_US = 30_000_000
"""A trace whose newest row arrived less than this ago is still in progress."""


def find_missing(tree: Tree) -> None:
    """Set ``expected``, ``received``, ``missing`` of the tree and list the lost children of each node.

    Lost leaves are added to their parents as placeholders, in the order of their numbers.
    """
    named: list[str] = []
    tree.received = len({root.span_id for root in tree.roots if not root.placeholder})
    for node in tree.nodes:
        if node.placeholder:
            tree.missing_total += 1
            named.append(node.missing_id or node.span_id)
        if not node.children and not node.handed_out:
            continue
        # Consumers carry the path of their producer, which is counted already.
        came = [child for child in node.children if not child.placeholder]
        numbered = (child for child in came if child.sender is None or child.span_id != node.span_id)
        tree.received += len({child.span_id or child.key for child in numbered})
        lost = _lost_children(node)
        tree.missing_total += lost
        named.extend(node.missing_children[: LISTED - len(named)] if len(named) < LISTED else ())
    tree.missing = named[:LISTED]
    tree.expected = tree.received + tree.missing_total
    shown = 0
    for node in tree.nodes:
        if node.missing_children and shown < LISTED:
            shown += _add_lost(node)


def state(tree: Tree, now_us: int, instrumented: frozenset[str]) -> str:
    """T12 as a function of the tree and the clock; ``instrumented`` names the services known to report."""
    main = tree.main
    if main is None:
        return "unknown"
    finished = not main.placeholder and not main.unfinished
    whole = finished and not tree.missing_total and not tree.truncated
    if whole and not any(server_lost(node, instrumented) for node in tree.nodes):
        return "unknown" if tree.derived else "complete"
    arrived = max((row.arrived for node in tree.nodes for row in node.rows), default=0)
    return "in_progress" if now_us - arrived < QUIET_US else "incomplete"


def server_unseen(node: Node) -> bool:
    """True for a finished call of what may be a service, without the callee's row (T2)."""
    row = node.outer
    if row is None or node.called or row.kind != "client" or row.duration_us is None:
        return False
    return row.peer_kind in {"", "service"}


def server_lost(node: Node, instrumented: frozenset[str]) -> bool:
    """True where the callee's row is missing for certain: the peer is known to report (T21).

    A failed call may never have reached anybody, so it proves nothing.
    """
    return server_unseen(node) and node.outer is not None and node.outer.peer in instrumented and not node.outer.error


def _lost_children(node: Node) -> int:
    """Count the lost children of a node and name the first of them."""
    handed_out = node.handed_out
    given = (own_number(child, node) for child in node.children)
    numbers = counters((ordinal for ordinal in given if ordinal is not None), handed_out)
    node.expected_children = max([handed_out, *numbers])
    lost = node.expected_children - len(numbers)
    ordinal = 0
    while len(node.missing_children) < min(lost, LISTED):
        ordinal += 1
        if ordinal not in numbers:
            node.missing_children.append(child_path(node.span_id, ordinal) or f"{node.key}.{ordinal}")
    if lost:
        node.warn("lost_leaf")
    return lost


def _add_lost(node: Node) -> int:
    """Draw the first lost leaves of a node; answers how many."""
    drawn = node.missing_children[:SHOWN_PER_NODE]
    lost = []
    for span_id in drawn:
        leaf = Node(None, None, span_id)
        leaf.span_id, leaf.lost, leaf.parent, leaf.depth = span_id, True, node, node.depth + 1
        leaf.warn("lost_leaf")
        lost.append(leaf)
    given = [(own_number(child, node), child) for child in node.children]
    numbered = [(ordinal, 0, child) for ordinal, child in given if ordinal is not None]
    numbered += [(number(leaf.span_id) or 0, 1, leaf) for leaf in lost]
    numbered.sort(key=lambda item: item[:2])
    node.children = [child for _, _, child in numbered] + [child for ordinal, child in given if ordinal is None]
    _place_between(node, [child for _, _, child in numbered])
    return len(lost)


def _place_between(node: Node, siblings: list[Node]) -> None:
    """Put lost leaves, whose time nobody knows, after the sibling before and not past the start of the one after."""
    after = node.inner_end
    bounds: list[int] = []
    for child in reversed(siblings):
        bounds.append(after)
        after = after if child.lost else child.start
    before = node.inner_start
    for child, bound in zip(siblings, reversed(bounds), strict=True):
        if child.lost:
            child.start = child.end = child.inner_start = child.inner_end = max(node.inner_start, min(before, bound))
        before = child.end
