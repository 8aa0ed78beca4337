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
    first_us: int = 0
    trend: Counter[int] = field(default_factory=Counter)
    """Calls by slot of the range."""
    newest: tuple[int, str] = (0, "")
    """Start of the last call, and its trace."""

    def add(self, other: "Cause") -> None:
        """Count the same trouble in other traces too."""
        self.first_us = min(self.first_us, other.first_us) if self.count else other.first_us
        for name in ("count", "echoes", "traces", "hurt", "recovered"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.users |= other.users
        self.entries += other.entries
        self.versions += other.versions
        self.trend += other.trend
        self.newest = max(self.newest, other.newest)


FarEnd = Callable[[Row], str]
"""The node key of who was called, from the caller's row."""

Slot = Callable[[int], int]
"""The slot of a range that a time in microseconds lies in."""


@dataclass(slots=True)
class Began:
    """A cause within its trace."""

    node: Node
    echoes: int = 0
    hurt: bool = False
    """The root failed through it."""
    recovered: bool = False
    """The root did not fail."""


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


def began(tree: Tree) -> list[Began]:
    """The causes of one trace, each with the failing calls that it explains."""
    told = explained(tree)
    found = {cause.index: Began(cause) for cause in told.values()}
    for index, cause in told.items():
        found[cause.index].echoes += index != cause.index
    root = tree.main
    if root is not None and root.error:
        found[told[root.index].index].hurt = True
    elif root is not None and not root.placeholder:
        for one in found.values():
            one.recovered = True
    return list(found.values())


def causes(trees: Iterable[Tree], far_end: FarEnd = callee_node, slot: Slot = lambda _: 0) -> dict[Trouble, Cause]:
    """What failing calls of these traces have in common. Sums of ``count`` and ``echoes`` are the failing calls."""
    found: dict[Trouble, Cause] = {}
    for tree in trees:
        groups: dict[Trouble, list[Began]] = {}
        for one in began(tree):
            groups.setdefault(trouble_of(one.node, far_end), []).append(one)
        for trouble, many in groups.items():
            group = found.setdefault(trouble, Cause(trouble))
            group.traces += 1
            group.recovered += many[0].recovered
            for one in many:
                _count(group, one, tree, slot)
    return found


def ordered(found: Iterable[Cause]) -> list[Cause]:
    """Most hurt traces first, then most failures."""
    return sorted(found, key=lambda c: (-c.hurt, -c.count, -c.echoes, c.trouble.id))


def _rank(node: Node) -> tuple[int, int, int]:
    return -node.depth, node.start, node.index


def _count(group: Cause, one: Began, tree: Tree, slot: Slot) -> None:
    node = one.node
    group.first_us = min(group.first_us, node.start) if group.count else node.start
    group.count += 1
    group.echoes += one.echoes
    group.trend[slot(node.start)] += 1
    group.newest = max(group.newest, (node.start, tree.trace_id))
    if node.inner is not None and node.inner.version:
        group.versions[node.inner.version] += 1
    if one.hurt:
        whole = summarize(tree)
        group.hurt += 1
        group.users.update(whole.uids)
        group.entries[whole.service, whole.name] += 1
