"""N+1 patterns over many traces, ranked by the time they cost (docs/why.md)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from hopline_query.tree.node import Node, Tree
from hopline_query.tree.repeats import Kind, repeats


@dataclass(slots=True)
class Pattern:
    """One operation that another one calls again and again."""

    caller: Kind
    callee: Kind
    traces: int = 0
    calls: int = 0
    most: int = 0
    """Calls below one parent, at most."""
    cost_us: int = 0
    worst: tuple[int, str] = (-1, "")
    """Cost and id of the trace in which they cost most."""

    @property
    def id(self) -> str:
        """16 hex digits by which a search names it."""
        return _named(self.caller, self.callee)


def patterns(trees: Iterable[Tree]) -> list[Pattern]:
    """The patterns of these traces, the costliest first."""
    found: dict[tuple[Kind, Kind], Pattern] = {}
    for tree in trees:
        costs: dict[tuple[Kind, Kind], int] = {}
        for parent, callee, calls in repeats(tree):
            caller = _kind(parent)
            pattern = found.setdefault((caller, callee), Pattern(caller, callee))
            pattern.calls += len(calls)
            pattern.most = max(pattern.most, len(calls))
            costs[caller, callee] = costs.get((caller, callee), 0) + cost_us(calls)
        for key, cost in costs.items():
            found[key].traces += 1
            found[key].cost_us += cost
            found[key].worst = max(found[key].worst, (cost, tree.trace_id))
    return sorted(found.values(), key=lambda p: (-p.cost_us, -p.calls, p.caller, p.callee))


def repeated(tree: Tree, wanted: str) -> list[Node]:
    """The calls of a trace that belong to the pattern of this id."""
    found = ((_named(_kind(parent), callee), calls) for parent, callee, calls in repeats(tree))
    return [call for name, calls in found if name == wanted for call in calls]


def cost_us(calls: Sequence[Node]) -> int:
    """Microseconds in which any of the calls ran, less the longest of them: what asking once for all would save.

    Calls that nobody waits for cost nothing.
    """
    bars = sorted((call.start, call.end) for call in calls if not call.detached)
    covered, reach = 0, 0
    for start, end in bars:
        covered += max(0, end - max(start, reach))
        reach = max(reach, end)
    return covered - max((end - start for start, end in bars), default=0)


def _kind(node: Node) -> Kind:
    return (node.inner.service, node.inner.name) if node.inner is not None else ("", "")


def _named(caller: Kind, callee: Kind) -> str:
    return blake2b(repr((caller, callee)).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
