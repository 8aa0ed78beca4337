"""Root causes: which failures began a trouble, and which only echo it (docs/why.md).

A cause is a failing call with no failing call below it. Every other failing call is
explained by one cause among the calls below it: the deepest, of those the earliest.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from hopline.model import CALL_KINDS, Row
from hopline_query.topology.aggregate import callee_node
from hopline_query.tree.node import Node, Tree
from hopline_query.tree.summary import summarize
from hopline_query.why.texts import normalised

STORES = ("db:", "mq:", "cache:")
"""Node keys of far ends that never report: the absence of their row tells nothing."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the failures of one group have in common."""

    service: str
    """Who failed; the far end's node key where no row of it came."""
    operation: str
    error_type: str
    text: str
    """Normalised (:mod:`hopline_query.why.texts`)."""
    caller: str = ""
    """Who called, where the far end did not tell of the call."""

    @property
    def id(self) -> str:
        """A short name of the group that is the same in every answer: 16 hex digits."""
        parts = repr((self.service, self.operation, self.error_type, self.text, self.caller))
        return blake2b(parts.encode("utf-8", "replace"), digest_size=8).hexdigest()

    @property
    def unanswered(self) -> bool:
        """True where a caller waited for somebody who should have told of the call."""
        return bool(self.caller) and not self.service.startswith(STORES)


@dataclass(slots=True)
class Cause:
    """One group of causes with what it did."""

    trouble: Trouble
    count: int = 0
    echoes: int = 0
    traces: int = 0
    hurt: int = 0
    recovered: int = 0
    users: set[str] = field(default_factory=set)
    entries: Counter[tuple[str, str]] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    starts: list[int] = field(default_factory=list)
    newest: tuple[int, str] = (0, "")


FarEnd = Callable[[Row], str]
"""The node key of who was called, from the caller's row."""


def explained(tree: Tree) -> dict[int, Node]:
    """Index of every failing call -> the cause that explains it; causes explain themselves. Linear."""
    best: dict[int, Node] = {}
    for node in reversed(tree.nodes):
        chosen = best.get(node.index)
        if node.error and chosen is None:
            chosen = best[node.index] = node
        if chosen is not None and node.parent is not None:
            above = best.get(node.parent.index)
            if above is None or _rank(chosen) < _rank(above):
                best[node.parent.index] = chosen
    return {node.index: best[node.index] for node in tree.nodes if node.error}


def trouble_of(node: Node, far_end: FarEnd = callee_node) -> Trouble:
    """What a failing call that is a cause is grouped by."""
    row = next(row for row in reversed(node.rows) if row.error)
    inner = node.inner or row
    text = normalised(row.error_text)
    if inner.kind in CALL_KINDS:
        far = far_end(inner) or "unknown"
        return Trouble(far, inner.name, row.error_type, text, inner.service)
    return Trouble(inner.service, inner.name, row.error_type, text)


def causes(trees: Iterable[Tree], far_end: FarEnd = callee_node) -> tuple[list[Cause], int]:
    """The groups, most hurt traces first, then most failures; and the number of failing calls."""
    found: dict[Trouble, Cause] = {}
    failures = 0
    for tree in trees:
        told = explained(tree)
        failures += len(told)
        groups: dict[int, Cause] = {}
        for cause in {id(node): node for node in told.values()}.values():
            trouble = trouble_of(cause, far_end)
            groups[cause.index] = group = found.setdefault(trouble, Cause(trouble))
            _count(group, cause, tree)
        for index, cause in told.items():
            groups[cause.index].echoes += index != cause.index
        _judge(tree, told, groups)
    ordered = sorted(found.values(), key=lambda c: (-c.hurt, -c.count, -c.echoes, c.trouble.id))
    return ordered, failures


def _rank(node: Node) -> tuple[int, int, int]:
    return -node.depth, node.start, node.index


def _count(group: Cause, node: Node, tree: Tree) -> None:
    group.count += 1
    group.starts.append(node.start)
    group.newest = max(group.newest, (node.start, tree.trace_id))
    if node.inner is not None and node.inner.version:
        group.versions[node.inner.version] += 1


def _judge(tree: Tree, told: dict[int, Node], groups: dict[int, Cause]) -> None:
    """Whom the causes of a trace hurt: the trace itself, its user, its entry operation."""
    root = tree.main
    if not told:
        return
    for group in {id(group): group for group in groups.values()}.values():
        group.traces += 1
        group.recovered += root is not None and not root.placeholder and not root.error
    if root is not None and root.error:
        whole = summarize(tree)
        group = groups[told[root.index].index]
        group.hurt += 1
        group.users.update(whole.uids)
        group.entries[whole.service, whole.name] += 1
