"""A trace against its operation's usual run: which of its calls take longer themselves than they usually do."""

from collections.abc import Iterable
from dataclasses import dataclass

from hopline_query.tree.node import Node, Tree
from hopline_query.why.critical import quantile

LEAST_CALLS = 5
"""Calls from which on something is usual."""

TIMES = 2.0
"""How many times as long as usual a call must take itself to be told."""

LEAST_SHARE = 0.05
"""What it takes beyond the usual must be at least this share of the trace."""

Kind = tuple[str, str]
"""Service and operation."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """One call that takes longer itself than usual; times in microseconds."""

    node: Node
    kind: Kind
    took_us: int
    usual_us: float
    """The median."""
    calls: int
    """Calls of which that is the median."""


def unusual(tree: Tree, others: Iterable[Tree]) -> list[Unusual]:
    """Calls of ``tree`` whose own time stands out among the calls of the same operation, the greatest excess first."""
    own: dict[Kind, list[float]] = {}
    for other in others:
        for node in other.nodes:
            if (kind := _kind(node)) is not None:
                own.setdefault(kind, []).append(node.self_us)
    medians = {kind: quantile(sorted(times), 0.5) for kind, times in own.items() if len(times) >= LEAST_CALLS}
    whole = max((root.end for root in tree.roots), default=0) - min((root.start for root in tree.roots), default=0)
    found = []
    for node in tree.nodes:
        kind = _kind(node)
        if kind is None or kind not in medians:
            continue
        excess = node.self_us - medians[kind]
        if excess > 0 and excess >= LEAST_SHARE * whole and node.self_us >= TIMES * medians[kind]:
            found.append(Unusual(node, kind, node.self_us, medians[kind], len(own[kind])))
    return sorted(found, key=lambda u: (u.usual_us - u.took_us, u.node.index))


def _kind(node: Node) -> Kind | None:
    """What the call is; None of one that was not received, runs still, or is waited for by nobody."""
    if node.placeholder or node.inner is None or node.unfinished or node.one_way:
        return None
    return node.inner.service, node.inner.name
