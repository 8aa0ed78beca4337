"""What the query service asks a store: questions, answers, and the plug point itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hopline.model import Row
from hopline_query.latency import Figures
from hopline_query.search import Expression

ORDERS = ("newest", "oldest", "longest", "shortest", "errors", "spans")
"""Orders of a search, by the whole trace's value; ties by trace id."""

COUNTED = 10_000
"""Matches are counted exactly up to this many."""

QUIET_US = 30_000_000
"""A trace with unfinished work is running while rows arrived less than this ago."""

SPREAD_US = 3_600_000_000
"""Rows of a trace are looked for up to this long before and after the range of its start."""

HISTORY_US = 90 * 86_400_000_000
"""The widest range that is ever read: the retention of the figures."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows count: a time range, an environment, load tests or not."""

    from_us: int
    to_us: int
    env: str = ""
    load_test: str = ""
    """Empty: left out; ``true``: included; ``only``: nothing else."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One question for traces; empty means anything. Durations in microseconds."""

    scope: Scope
    uid: str = ""
    service: str = ""
    operation: str = ""
    caller: str = ""
    callee: str = ""
    instance: str = ""
    error_type: str = ""
    expression: Expression | None = None
    errors: bool = False
    unfinished: bool = False
    min_duration: int | None = None
    max_duration: int | None = None
    min_span_duration: int | None = None
    max_span_duration: int | None = None
    min_spans: int | None = None
    order_by: str = "newest"
    limit: int = 20
    after: tuple[int, str] | None = None
    """Order value and trace id of the last trace of the page before."""
    as_of_us: int = 0
    """When page 1 was asked; later pages leave out what was running then."""

    @property
    def by_row(self) -> bool:
        """True where single rows are tested, not only whole traces."""
        return bool(
            self.service
            or self.operation
            or self.caller
            or self.callee
            or self.instance
            or self.error_type
            or self.min_span_duration is not None
            or self.max_span_duration is not None
        )


@dataclass(frozen=True, slots=True)
class Hint:
    """Where a trace lies in time, and how much of it came: equal hints mean that no row came since."""

    start_us: int
    end_us: int
    spans: int
    arrived: int
    archived: bool = False
    """True where retention took rows that only the archive of pinned traces still holds."""
    closed: bool = False
    """True for a trace that grew so large that further rows were not kept."""


@dataclass(slots=True)
class Summary:
    """A trace as a list shows it. Counts are rows as stored, copies included."""

    trace_id: str
    start_us: int
    end_us: int
    arrived: int
    spans: int
    errors: int
    unfinished: int
    load_test: bool
    env: str
    services: list[str]
    uids: list[str]
    root: tuple[bool, int, str, str, int, bool]
    """has_parent, start_us, service, name, duration_us, error of the row that names the trace."""
    failure: tuple[int, int, str, str, str]
    """depth, start_us, service, name, error_type of the deepest failing row; depth 0: none."""

    def value(self, order_by: str) -> int:
        """What an order compares."""
        match order_by:
            case "longest" | "shortest":
                return self.end_us - self.start_us
            case "errors":
                return self.errors
            case "spans":
                return self.spans
            case _:
                return self.start_us

    def running(self, now_us: int, still_open: int) -> bool:
        """True while unfinished work, or the root, may still report."""
        return (still_open > 0 or self.root[0]) and now_us - self.arrived < QUIET_US


@dataclass(slots=True)
class Details:
    """What a result row shows beyond the summary, read for one page only."""

    services: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Service -> rows, failing rows."""
    matched: list[str] = field(default_factory=list)
    matched_total: int = 0
    debug: bool = False
    weight: int = 1_000
    status: str = ""
    error_text: str = ""
    still_open: int = 0
    """Rows of which only unfinished copies came: a finished copy settles the others."""


@dataclass(frozen=True, slots=True)
class FiguresQuery:
    """One question for figures. ``group`` is a name of :data:`GROUPS`; ``step_us`` 0 = one slot."""

    scope: Scope
    view: str = "entry"
    service: str = ""
    operation: str = ""
    kind: str = ""
    group: str = "service"
    step_us: int = 0
    histogram: bool = True
    """False leaves the histograms out, where only counts are wanted."""


GROUPS = {
    "service": ("service",),
    "operation": ("service", "name", "kind"),
    "instance": ("service", "instance", "host", "zone", "version"),
    "zone": ("service", "zone"),
    "caller": ("service", "caller"),
}
"""Grouping of figures -> the columns of its key."""

RECEIVED = frozenset({"server", "consumer"})
"""Sides of an edge that are told by the callee."""

VIEWS = ("entry", "client", "all")


@dataclass(slots=True)
class Edge:
    """Calls of one pair as one side told them; ``side`` is the kind of the row that told."""

    caller: str
    callee: str
    side: str
    figures: Figures
    cross_zone: int = 0
    """Thousandths of calls that crossed zones."""


@dataclass(slots=True)
class ErrorGroup:
    """Failures of one kind; ``calls`` in thousandths."""

    service: str
    operation: str
    error_type: str
    calls: int
    first_seen_us: int
    last_seen_us: int
    newest_trace_id: str
    error_text: str


@dataclass(slots=True)
class Report:
    """The newest counters that a sending process told of itself."""

    service: str
    instance: str
    at_us: int
    recorded: int
    sent: int
    dropped: dict[str, int]
    depth: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a heatmap: column in time, log bucket of the duration, rows, failing rows."""

    column: int
    bucket: int
    calls: int
    errors: int


class SpanReader(Protocol):
    """Reads a store. Every answer is bounded in time and size; nothing is written.

    Raises the errors of :mod:`hopline_query.errors`. Safe for use from many threads.
    """

    def hint(self, trace_id: str) -> Hint | None:
        """What the store knows of a trace before its rows are read; None when unknown.

        A pinned trace is known for good, whatever retention took.
        """

    def thinned(self, trace_id: str) -> bool:
        """Whether thinning by age took the trace."""

    def trace_rows(self, trace_id: str, limit: int, hint: Hint | None = None) -> list[Row]:
        """Up to ``limit`` rows of a trace, the earliest first, copies included; empty when unknown.

        ``hint`` saves the look-up of one that was read already.
        """

    def many_rows(self, summaries: Sequence[Summary], limit: int) -> dict[str, list[Row]]:
        """The same of several traces, up to ``limit`` rows of each, by trace id."""

    def linked_from(self, trace_id: str) -> list[tuple[str, str, str]]:
        """``(trace_id, id, kind)`` of rows in other traces that link to this one."""

    def search(self, query: SearchQuery) -> tuple[list[Summary], int]:
        """One page, and the number of matches (of the whole search, not of the rest), counted to 10,001 at most."""

    def details(self, summaries: Sequence[Summary], query: SearchQuery) -> dict[str, Details]:
        """What the page shows of each trace, by trace id."""

    def user_days(self, uid: str, scope: Scope) -> list[tuple[int, int, int]]:
        """``(day_us, traces, failed)`` of a user, the newest day first."""

    def uids_like(self, prefix: str, limit: int) -> list[str]:
        """Uids that begin so, in order."""

    def tags(self, scope: Scope, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """``(value, rows)`` of a key, or ``(key, rows)`` without one, most frequent first."""

    def instances(self, scope: Scope, service: str) -> dict[tuple[str, str, str], tuple[int, int]]:
        """First and last sight of ``(service, instance, version)``, over the whole days of the range."""

    def envs(self, scope: Scope) -> list[str]:
        """Environments, in order."""

    def figures(self, query: FiguresQuery) -> tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]:
        """``{(group key, slot start in us): figures}``, the range cut to slots, and the slot length in us."""

    def edges(self, scope: Scope) -> tuple[list[Edge], Scope]:
        """Every pair of the map and every side that told of it, and the range cut to slots."""

    def taught(self, hosts: Sequence[str], scope: Scope) -> list[tuple[str, str, str]]:
        """``(host, scheme://host:port or "", service)`` of calls to these hosts whose far end named itself."""

    def errors(self, scope: Scope, service: str, operation: str, limit: int) -> tuple[list[ErrorGroup], bool]:
        """Failures grouped, most frequent first, and whether there are more."""

    def heatmap(self, query: FiguresQuery, columns: int) -> list[Cell]:
        """Finished rows of the query's service and operation by time and duration."""

    def newest_arrival(self) -> int:
        """When the newest block was handed over, in microseconds; 0 for an empty store."""

    def reports(self, since_us: int) -> list[Report]:
        """The newest report of each process since then."""

    def extent(self) -> tuple[int, int, int]:
        """First start, last start and about the number of stored traces; zeros for an empty store."""

    def system(self) -> dict[str, Any]:
        """Sums of the ledger by source, sizes of tables, number of dead letters."""

    def stored_since(self, since_us: int) -> int:
        """Rows that were stored since then."""
