"""Clock skew: move the subtree of a skewed host into its caller's window, on request (T13).

The rule is Zipkin's and Jaeger's: where a server row lies outside its client row's time and
the two ran on different hosts, the slack between the two durations is split evenly. A callee
that starts after its caller and takes longer is left alone: the caller did not wait for it.
Where the raw view shows a callee inside its caller's window, the two keep their distance.
Nothing ever moves between rows of one host, nor across a hop that nobody waits for (T14).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hopline.model import Row
from hopline_query.tree.node import WAITING_PAIRS, Node, Tree

CAP_US = 5_000_000
"""Largest shift by default: a greater difference is more likely an error than a clock."""

WITH_HOST = "moved with its caller's host"


@dataclass(frozen=True, slots=True)
class Shift:
    """By how many microseconds the two sides of a node move, and why."""

    outer: int = 0
    inner: int = 0
    reason: str | None = None
    too_large: bool = False
    """True where the callee's side should move by more than the cap, and does not."""


STILL = Shift()


def shifts(nodes: Sequence[Node], cap_us: int = CAP_US) -> list[Shift]:
    """How each of ``nodes`` moves; they stand in pre-order, with raw times. Pure and linear."""
    found: dict[int, Shift] = {}
    for node in nodes:
        above = found[id(node.parent)] if node.parent is not None else STILL
        found[id(node)] = _shift(node, above, cap_us)
    return list(found.values())


def adjust(nodes: list[Node], cap_us: int = CAP_US) -> None:
    """Shift the times of nodes in place; ``nodes`` in pre-order, times still raw.

    Every moved node says by how much (``skew_us``, of its callee's side) and why.
    """
    for node, shift in zip(nodes, shifts(nodes, cap_us), strict=True):
        if node.placeholder:
            continue
        node.start += shift.outer
        node.end += shift.outer
        node.inner_start += shift.inner
        node.inner_end += shift.inner
        node.outer_skew_us, node.skew_us, node.skew_reason = shift.outer, shift.inner, shift.reason
        if shift.too_large:
            node.warn("skew_too_large")
        if shift.inner or shift.outer:
            node.warn("skew_adjusted")


def after_answer(tree: Tree) -> int:
    """Microseconds of work after the end of the root, by adjusted times; 0 where no root came or none ended.

    The same for a tree whose times are raw: what a clock misplaced is not said to go on after the answer.
    """
    root = tree.main
    if root is None or root.placeholder or root.unfinished:
        return 0
    moves = [STILL] * len(tree.nodes) if tree.adjusted else shifts(tree.nodes, tree.skew_cap_us)
    return max(_last(node, shift) for node, shift in zip(tree.nodes, moves, strict=True)) - root.end


def _last(node: Node, shift: Shift) -> int:
    """The last known time of a node: that of a side without an end is its start; 0 for a placeholder."""
    outer, inner = node.outer, node.inner
    if outer is None or inner is None:
        return 0
    sides = ((outer, node.start, node.end, shift.outer), (inner, node.inner_start, node.inner_end, shift.inner))
    return max((start if row.duration_us is None else end) + by for row, start, end, by in sides)


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


def _shift(node: Node, above: Shift, cap_us: int) -> Shift:
    """How a node moves whose parent moves as ``above`` says."""
    if node.outer is None or node.inner is None:
        return STILL
    outer = _inherited(node, above)
    if node.two_sided and not same_host(node.outer, node.inner):
        return _fit(node, outer, cap_us)
    return Shift(outer, outer, WITH_HOST if outer else None)


def _inherited(node: Node, above: Shift) -> int:
    """The shift of the process that made the outer row: its parent's work, on the same host."""
    parent = node.parent
    if parent is None or parent.inner is None or node.outer is None:
        return 0
    return above.inner if same_host(parent.inner, node.outer) else 0


def _fit(node: Node, outer: int, cap_us: int) -> Shift:
    """How the callee's side moves, its caller's moving by ``outer``."""
    inherited = WITH_HOST if outer else None
    if not outside(node, outer):
        return Shift(outer, 0, inherited)
    if not outside(node):
        return Shift(outer, outer, WITH_HOST)
    window, work = node.end - node.start, node.inner_end - node.inner_start
    begin = node.start + outer + ((window - work) // 2 if work <= window else 1)
    delta = begin - node.inner_start
    if abs(delta) > cap_us:
        return Shift(outer, 0, inherited, too_large=True)
    return Shift(outer, delta, "callee outside its caller's time on another host")
