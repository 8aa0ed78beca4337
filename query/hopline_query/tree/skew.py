"""Clock skew: move the subtree of a skewed host into its caller's window, on request (T13).

The rule is Zipkin's and Jaeger's: where a server row lies outside its client row's time and
the two ran on different hosts, the slack between the two durations is split evenly. A callee
that starts after its caller and takes longer is left alone: the caller did not wait for it.
Where the raw view shows a callee inside its caller's window, the two keep their distance.
Nothing ever moves between rows of one host, nor across a hop that nobody waits for (T14).
"""

from hopline.model import Row
from hopline_query.tree.node import WAITING_PAIRS, Node

CAP_US = 5_000_000
"""Largest shift by default: a greater difference is more likely an error than a clock."""


def adjust(nodes: list[Node], cap_us: int = CAP_US) -> None:
    """Shift the times of nodes in place; ``nodes`` in pre-order, times still raw.

    Every moved node says by how much (``skew_us``, of its callee's side) and why.
    """
    for node in nodes:
        if node.outer is None or node.inner is None:
            continue
        outer = _inherited(node)
        inner = outer
        if node.two_sided and not same_host(node.outer, node.inner):
            inner = _fit(node, outer, cap_us)
        node.start += outer
        node.end += outer
        node.inner_start += inner
        node.inner_end += inner
        if inner or outer:
            node.skew_us = inner
            node.skew_reason = node.skew_reason or "moved with its caller's host"
            node.warn("skew_adjusted")
        elif node.skew_us is None:
            node.skew_us = 0


def outside(node: Node, shift: int = 0) -> bool:
    """True where the callee's bar leaves its caller's (moved by ``shift``) and a clock may be to blame."""
    outer, inner = node.outer, node.inner
    if outer is None or inner is None or outer is inner or WAITING_PAIRS.get(inner.kind) != outer.kind:
        return False
    if outer.duration_us is None or inner.duration_us is None or same_host(outer, inner):
        return False
    if node.inner_start >= node.start and node.inner_end - node.inner_start > node.end - node.start:
        return False
    return node.inner_start < node.start + shift or node.inner_end > node.end + shift


def same_host(a: Row, b: Row) -> bool:
    """True unless two rows are known to have run under different clocks."""
    return host_of(a) == host_of(b)


def host_of(row: Row) -> str:
    """The host of a row: its own field, else the head of ``host:pid``, else the service."""
    return row.host or row.instance.partition(":")[0] or row.service


def _inherited(node: Node) -> int:
    """The shift of the process that made the outer row: its parent's work, on the same host."""
    parent = node.parent
    if parent is None or parent.inner is None or node.outer is None or not parent.skew_us:
        return 0
    return parent.skew_us if same_host(parent.inner, node.outer) else 0


def _fit(node: Node, shift: int, cap_us: int) -> int:
    """How far the callee's side moves, its caller's having moved by ``shift``."""
    if not outside(node, shift):
        return 0
    if not outside(node):
        node.skew_reason = "moved with its caller's host"
        return shift
    window, work = node.end - node.start, node.inner_end - node.inner_start
    begin = node.start + shift + ((window - work) // 2 if work <= window else 1)
    delta = begin - node.inner_start
    if abs(delta) > cap_us:
        node.warn("skew_too_large")
        return 0
    node.skew_reason = "callee outside its caller's time on another host"
    return delta
