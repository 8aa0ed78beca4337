"""The critical path: the chain of work that decided how long the trace took.

From the end of a node walk back: the child that ended last decided the time since its
start, then the child that ended before that one began, and so on; what no child covers is
the node's own. The same definition as Jaeger's and Grafana's; CRISP (Zhang et al., USENIX
ATC 2022) describes it. Children are clipped to their parent (T15); work nobody waits for
stays off the path (T14).
"""

from hopline_query.tree.node import Node


def critical_path(root: Node) -> list[tuple[Node, int, int]]:
    """``(node, from_us, to_us)`` in time order, without gap or overlap from start to end of ``root``.

    Also sets ``critical_us`` of every node on the path. Linear but for the sorting of children.
    """
    segments: list[tuple[Node, int, int]] = []
    tasks = [(root, root.start, root.end)]
    while tasks:
        node, begin, end = tasks.pop()
        cursor = end
        for child, start, stop in _waited_for(node, begin, end):
            if stop > cursor:
                continue
            segments.append((node, stop, cursor))
            tasks.append((child, start, stop))
            cursor = start
        segments.append((node, begin, cursor))
    path = sorted((s for s in segments if s[2] > s[1]), key=lambda s: s[1])
    for node, begin, end in path:
        node.critical_us += end - begin
    return path


def _waited_for(node: Node, begin: int, end: int) -> list[tuple[Node, int, int]]:
    """Children clipped to the window, the one that ended last first; empty bars left out."""
    clipped = [(child, max(child.start, begin), min(child.end, end)) for child in node.children if not child.detached]
    return sorted((c for c in clipped if c[2] > c[1]), key=lambda c: (-c[2], c[1], c[0].index))
