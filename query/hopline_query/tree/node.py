"""What a call tree is made of: nodes, warnings and the tree itself."""

from dataclasses import dataclass, field
from typing import Any

from hopline.model import ENTRY_KINDS, Row

WARNINGS = {
    "missing_parent": ("warning", "the row that caused this one was not received"),
    "missing_root": ("warning", "the first call of the trace was not received"),
    "lost_leaf": ("warning", "calls were numbered here but never received"),
    "server_not_received": ("info", "server side not received"),
    "client_not_received": ("info", "caller's side not received"),
    "several_roots": ("warning", "the trace has several roots"),
    "several_receivers": ("info", "several rows answered one call"),
    "duplicate_path": ("info", "another call carries the same span id"),
    "unfinished": ("info", "not finished when it was last seen"),
    "time_clamped": ("warning", "a missing, negative or absurd time was replaced"),
    "self_parent": ("warning", "the row names itself as its parent"),
    "cycle": ("warning", "the parents run in a circle, broken here"),
    "malformed_path": ("warning", "the span id is no path"),
    "fragment": ("info", "a hop that does not know the path came before"),
    "derived_path": ("info", "span ids were derived from parents and start times"),
    "outside_parent": ("info", "the callee's time lies outside its caller's: the clocks differ"),
    "skew_adjusted": ("info", "moved into its caller's time"),
    "skew_too_large": ("warning", "the clocks differ by more than the limit: not moved"),
    "cut": ("info", "tags, annotations or text were cut"),
    "truncated": ("warning", "the trace is larger than the limit"),
    "trace_closed": ("warning", "the trace grew too large: further rows are in the figures only"),
    "rate_unknown": ("info", "the sample rate is not known"),
}
"""Machine code -> (level, message), the whole vocabulary of tree warnings."""

WAITING_PAIRS = {"server": "client"}
"""Callee kind -> the caller kind that waits for it, and with which it shares a node (T1)."""

PAIRS = {**WAITING_PAIRS, "consumer": "producer"}
"""Callee kind -> the caller kind that handed its path on; a consumer is a node below its producer's (T14)."""


class Node:
    """One call: the caller's row, the callee's row, or both; or a placeholder without rows.

    A consumer is a call of its own below its producer's: nobody waits for it, and one message
    may have many. ``outer`` is the caller's side where it came, ``inner`` the side in which the
    work and the children happen; with one row they are the same. Times are
    microseconds since the epoch and may have been clamped or moved, unlike the rows'.
    """

    __slots__ = (
        "children",
        "critical_us",
        "depth",
        "derived",
        "end",
        "expected_children",
        "gap_us",
        "index",
        "inner",
        "inner_end",
        "inner_start",
        "key",
        "lost",
        "missing_children",
        "missing_id",
        "outer",
        "outer_skew_us",
        "parent",
        "reported",
        "self_us",
        "skew_reason",
        "skew_us",
        "span_id",
        "start",
        "subtree_errors",
        "subtree_nodes",
        "warnings",
    )

    def __init__(self, outer: Row | None, inner: Row | None, reported: str) -> None:
        self.outer = outer
        self.inner = inner
        self.reported = reported
        self.key = ""
        self.span_id = ""
        self.derived = False
        self.parent: Node | None = None
        self.children: list[Node] = []
        self.warnings: list[str] = []
        self.start = self.end = self.inner_start = self.inner_end = 0
        self.index = self.depth = 0
        self.self_us = self.gap_us = self.critical_us = 0
        self.subtree_nodes = 1
        self.subtree_errors = 0
        self.outer_skew_us = 0
        self.skew_us: int | None = None
        self.skew_reason: str | None = None
        self.expected_children = 0
        self.missing_children: list[str] = []
        self.missing_id = ""
        self.lost = False

    @property
    def placeholder(self) -> bool:
        """True for a call of which no row came."""
        return self.outer is None

    @property
    def rows(self) -> list[Row]:
        """The rows of the call, the caller's side first."""
        if self.outer is None or self.inner is None:
            return []
        return [self.outer] if self.outer is self.inner else [self.outer, self.inner]

    def moved_us(self, row: Row) -> int:
        """By how much the times of one of :attr:`rows` were moved; 0 in a tree with raw times."""
        return (self.skew_us or 0) if row is self.inner else self.outer_skew_us

    @property
    def handed_out(self) -> int:
        """Child numbers that the call is known to have given."""
        if self.outer is None or self.inner is None:
            return 0
        return max(self.outer.children, self.inner.children)

    @property
    def two_sided(self) -> bool:
        """True where caller's and callee's rows both came."""
        return self.outer is not self.inner

    @property
    def error(self) -> bool:
        """True where any side failed."""
        return (self.outer is not None and self.outer.error) or (self.inner is not None and self.inner.error)

    @property
    def unfinished(self) -> bool:
        """True where the outer bar has no end yet."""
        return self.outer is not None and self.outer.duration_us is None

    @property
    def one_way(self) -> bool:
        """True where nobody waits for the work: producer -> consumer."""
        return self.inner is not None and self.inner.kind in {"consumer", "producer"}

    @property
    def detached(self) -> bool:
        """True where not even the bar itself is waited for: a consumer without its producer, a lost leaf."""
        return self.lost or (self.outer is not None and self.outer.kind == "consumer")

    @property
    def queue_us(self) -> int | None:
        """The producer's end to the consumer's start; None for all but consumers whose producer's row came."""
        sender = self.sender
        return None if sender is None or sender.unfinished else self.start - sender.end

    @property
    def sender(self) -> "Node | None":
        """The producer's node, for a consumer that hangs below it."""
        above = self.parent
        if above is None or above.inner is None or self.outer is None:
            return None
        return above if (above.inner.kind, self.outer.kind) == ("producer", "consumer") else None

    @property
    def called(self) -> bool:
        """True where the callee's side came."""
        return self.inner is not None and self.inner.kind in ENTRY_KINDS

    def warn(self, code: str) -> None:
        """Flag the node once with a code of :data:`WARNINGS`."""
        if code not in self.warnings:
            self.warnings.append(code)


@dataclass(slots=True)
class Tree:
    """A whole trace as a forest; ``nodes`` holds every node in pre-order."""

    trace_id: str
    roots: list[Node]
    nodes: list[Node]
    state: str = "unknown"
    """``complete``, ``in_progress``, ``incomplete`` or ``unknown`` (T12)."""
    expected: int = 0
    """Calls that must have been, by their numbers (nodes, not rows)."""
    received: int = 0
    missing: list[str] = field(default_factory=list)
    """Span ids (or 16-hex ids where no path is known) that never came, at most 1,000."""
    missing_total: int = 0
    start_us: int = 0
    end_us: int = 0
    rows: int = 0
    """Rows in the tree, after copies were united and the limit was applied."""
    total_rows: int = 0
    """Rows read before the limit, copies united."""
    truncated: bool = False
    closed: bool = False
    """True where the store took no more rows of this trace."""
    linked_from: tuple[tuple[str, str, str], ...] = ()
    """``(trace_id, id, kind)`` of rows in other traces that link to this one."""
    adjusted: bool = False
    skew_cap_us: int = 0
    """The largest shift of a skewed clock."""
    derived: bool = False
    critical_path: list[tuple[Node, int, int]] = field(default_factory=list)
    """``(node, from_us, to_us)`` in time order (critical_path.py)."""
    described: dict[str, Any] = field(default_factory=dict)
    """The header of docs/api.md, once it was asked for, but for what the clock changes; see header.py."""
    texts: list[str] = field(default_factory=list)
    """What each node says of itself, once it was searched; see finding.py."""

    @property
    def main(self) -> Node | None:
        """The root that names the trace: the first received ``0``, else the first root."""
        real = (r for r in self.roots if not r.placeholder and r.span_id == "0")
        return next(real, self.roots[0] if self.roots else None)

    def find(self, key: str) -> Node | None:
        """The node with this key, row id or span id, in that order of preference."""
        if not key:
            return None
        by_row = by_path = None
        for node in self.nodes:
            if node.key == key:
                return node
            if by_row is None and (node.missing_id == key or any(row.id == key for row in node.rows)):
                by_row = node
            if by_path is None and node.span_id == key:
                by_path = node
        return by_row or by_path


def preorder(roots: list[Node]) -> list[Node]:
    """All nodes below ``roots``, parents first, siblings in order; without recursion."""
    out: list[Node] = []
    stack = roots[::-1]
    while stack:
        node = stack.pop()
        out.append(node)
        stack.extend(reversed(node.children))
    return out
