"""What a whole trace amounts to: the one definition of the figures that lists, headers and exports show.

Every reader of a trace takes its figures from :func:`summarize`, so that no two of them
can disagree about how long it took, how large it is and where it failed.
"""

from collections import Counter
from dataclasses import dataclass

from hopline.model import DEBUG, LOAD_TEST, WEIGHT_ONE, Row
from hopline_query.tree.node import Node, Tree

QUIET_US = 30_000_000
"""A trace with unfinished work, or without its root, is running while rows arrived less than this ago."""

STATUS_KEYS = ("http.response.status_code", "http.status_code")
"""Tags that tell how a request was answered, the present name first."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The call in which trouble began: the deepest failing one, of those the earliest."""

    service: str
    name: str
    """Service and operation of the callee's side where that failed, else of the caller's."""
    error_type: str
    error_text: str
    key: str
    """:attr:`hopline_query.tree.node.Node.key` of the call."""


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """The figures of one whole trace. A *span* is a row (its copies united), a *call* is a node.

    All sequences are sorted and free of repeats; times are microseconds since the epoch,
    durations microseconds.
    """

    trace_id: str
    service: str
    """Of the row that names the trace: the root's outer side, else the earliest call's (T5)."""
    name: str
    """Operation of that same row."""
    start_us: int
    """First start of any row."""
    end_us: int
    """Last end of any row."""
    duration_us: int
    """What the root took: the length of the root's bar. The extent where no root came (T15)."""
    extent_us: int
    """``end_us - start_us``: everything, with the work that went on after the answer."""
    spans: int
    """Rows, copies united."""
    nodes: int
    """Calls, with placeholders for those that are known to be missing."""
    errors: int
    """Failing calls: those of which either side failed."""
    failure: Failure | None
    services: tuple[tuple[str, int, int], ...]
    """``(service, rows, failing rows)``, the service with most rows first, then by name."""
    operations: tuple[tuple[str, str], ...]
    """``(service, operation)`` of every row."""
    versions: tuple[tuple[str, str], ...]
    """``(service, version)`` of every row that tells a version."""
    envs: tuple[str, ...]
    uids: tuple[str, ...]
    unfinished: int
    """Rows of which only unfinished copies came."""
    load_test: bool
    """True where any row is part of a load test; ``debug`` likewise."""
    debug: bool
    weight: int
    """The largest weight of a row, in thousandths of a trace."""
    status: str
    """The root's HTTP status, ``""`` where it has none."""
    rootless: bool
    """True where no row without a parent came."""
    root_error: bool
    """True where the root failed: a trace that holds errors but recovered answers False."""
    arrived: int
    """When the newest row came."""
    truncated: bool
    """True where the trace is larger than the limit, and the figures are those of its earliest rows."""

    @property
    def incomplete(self) -> bool:
        """True where the figures may still change: no root came, or a row never finished."""
        return self.rootless or self.unfinished > 0

    def running(self, now_us: int) -> bool:
        """True while what is incomplete may still arrive."""
        return self.incomplete and now_us - self.arrived < QUIET_US


def summarize(tree: Tree) -> TraceSummary:
    """The figures of a tree as it was built: raw, unless it was adjusted for skew. Pure and linear."""
    rows = [row for node in tree.nodes for row in node.rows]
    rows_of = Counter(row.service for row in rows)
    failing = Counter(row.service for row in rows if row.error)
    flags = 0
    for row in rows:
        flags |= row.flags
    root = tree.main if tree.main is not None and not tree.main.placeholder else None
    naming = _naming(tree)
    return TraceSummary(
        trace_id=tree.trace_id,
        service=naming.service if naming else "",
        name=naming.name if naming else "",
        start_us=tree.start_us,
        end_us=tree.end_us,
        duration_us=root.end - root.start if root else tree.end_us - tree.start_us,
        extent_us=tree.end_us - tree.start_us,
        spans=tree.rows,
        nodes=len(tree.nodes),
        errors=sum(node.error for node in tree.nodes),
        failure=_failure(tree),
        services=tuple(sorted(((s, n, failing[s]) for s, n in rows_of.items()), key=lambda e: (-e[1], e[0]))),
        operations=tuple(sorted({(row.service, row.name) for row in rows})),
        versions=tuple(sorted({(row.service, row.version) for row in rows if row.version})),
        envs=tuple(sorted({row.env for row in rows if row.env})),
        uids=tuple(sorted({row.uid for row in rows if row.uid})),
        unfinished=sum(row.duration_us is None for row in rows),
        load_test=bool(flags & LOAD_TEST),
        debug=bool(flags & DEBUG),
        weight=max((row.weight for row in rows), default=WEIGHT_ONE),
        status=_status(root),
        rootless=root is None,
        root_error=root is not None and root.error,
        arrived=max((row.arrived for row in rows), default=0),
        truncated=tree.truncated,
    )


def _naming(tree: Tree) -> Row | None:
    """The row that names the trace: the root's, else that of the earliest call below it, else of any."""
    root = tree.main
    if root is not None and root.placeholder:
        below = tree.nodes[root.index : root.index + root.subtree_nodes]
        real = [node for node in below if not node.placeholder] or [n for n in tree.nodes if not n.placeholder]
        root = min(real, key=lambda node: (node.start, node.index), default=root)
    return root.outer if root is not None else None


def _failure(tree: Tree) -> Failure | None:
    failed = [node for node in tree.nodes if node.error]
    if not failed:
        return None
    node = min(failed, key=lambda n: (-n.depth, n.start, n.index))
    row = next(row for row in reversed(node.rows) if row.error)
    return Failure(row.service, row.name, row.error_type, row.error_text, node.key)


def _status(root: Node | None) -> str:
    """The HTTP status as the nearest to the user saw it."""
    rows = root.rows if root else []
    return next((row.tags[key] for row in rows for key in STATUS_KEYS if key in row.tags), "")
