"""What the query service asks a store: questions, answers, and the plug point itself."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hopline.model import Row
from hopline_query.latency.figures import Figures
from hopline_query.search.filter import And, Expression, Term
from hopline_query.tree.summary import TraceSummary

if TYPE_CHECKING:
    from hopline_query.why.causes import Cause, Trouble
    from hopline_query.why.critical import Band, Limits
    from hopline_query.why.marks import Term as Mark
    from hopline_query.why.schedule import Part
    from hopline_query.why.tallies import Counts

ORDERS = ("newest", "oldest", "longest", "shortest", "errors", "spans")
"""Orders of a search, by the whole trace's value; ties by trace id."""

COUNTED = 10_000
"""Matches are counted exactly up to this many."""

MATCHED = 100
"""Matched span ids that are listed of one trace."""

HISTORY_US = 90 * 86_400_000_000
"""The widest range that is ever read: the retention of the figures."""


@dataclass(frozen=True, slots=True)
class Kept:
    """From when on, in microseconds, the store holds rows, figures by the minute and figures by the hour."""

    rows_us: int = 0
    """Begin of the rows, and of the figures in slots of 10 s, which go with them."""
    minutes_us: int = 0
    hours_us: int = 0


EVERYTHING = Kept()


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows count: a time range, an environment, load tests or not."""

    from_us: int
    to_us: int
    env: str = ""
    load_test: str = ""
    """Empty: left out; ``true``: included; ``only``: nothing else."""
    kept: Kept = EVERYTHING


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One question for traces; empty means anything. Durations in microseconds."""

    scope: Scope
    uid: str = ""
    service: str = ""
    operation: str = ""
    caller: str = ""
    callee: str = ""
    callee_names: tuple[str, ...] = ()
    """What callers call ``callee``, where that is known: an address that it answers at, a name that the map shows
    as external."""
    instance: str = ""
    error_type: str = ""
    expression: Expression | None = None
    same: tuple[Expression, ...] = ()
    """Terms, and alternatives of terms, without regular expressions: to be met by the row that meets the others."""
    in_parts: bool = False
    """The conditions on rows may be met by one span in parts, each by another part; not beside ``entry``, ``caller``
    and ``callee``, which are counted by rows."""
    entry: bool = False
    """The conditions on rows are to be met by an entry call: server, consumer, or without a parent."""
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
    """When page 1 was asked: later pages show every trace as it was then."""
    settled_among: tuple[str, ...] | None = None
    """Of settled traces only these, where it is known that no other is wanted."""

    @property
    def by_row(self) -> bool:
        """True where single rows are tested beside the filter, not only whole traces."""
        return bool(self.asked() - {"errors", "expression"})

    @property
    def by_any_row(self) -> bool:
        """True where anything is asked that only rows can tell."""
        return self.by_row or self.expression is not None

    def told_callees(self) -> tuple[str, ...]:
        """Node keys by which callers tell of ``callee``: the map shows a peer that never reported as external."""
        return self.callee_names or tuple(dict.fromkeys((self.callee, self.callee.removeprefix("external:"))))

    def row_terms(self) -> list[Term]:
        """What one and the same row must meet, beside ``entry`` and the call's two ends."""
        named = (("service", self.service), ("name", self.operation), ("instance", self.instance))
        found = [Term(key, "=", value, key) for key, value in (*named, ("error_type", self.error_type)) if value]
        spans = ((">=", self.min_span_duration), ("<=", self.max_span_duration))
        found += [Term("duration", op, str(value), "duration") for op, value in spans if value is not None]
        if self.errors and self.by_row:
            found.append(Term("error", "exists", "", "error"))
        return found

    def part_terms(self) -> list[Expression]:
        """The same terms and ``same``, as one part of a span is to meet each; the service is that of all parts."""
        found = [term for term in self.row_terms() if term.field != "service"]
        spans = tuple(term for term in found if term.field == "duration")
        others = [term for term in found if term.field != "duration"]
        return [*others, *([And(spans)] if spans else []), *self.same]

    def asked(self) -> frozenset[str]:
        """Names of the conditions on rows that are set."""
        spans = (("min_span_duration", self.min_span_duration), ("max_span_duration", self.max_span_duration))
        texts = ("service", "operation", "caller", "callee", "instance", "error_type", "expression", "same")
        found = {name for name in (*texts, "entry", "errors") if getattr(self, name)}
        return frozenset(found | {name for name, value in spans if value is not None})


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
    linked_from: tuple[tuple[str, str, str], ...] = ()
    """``(trace_id, id, kind)`` of rows in other traces that link to this one, sorted."""


@dataclass(frozen=True, slots=True)
class FiguresQuery:
    """One question for figures. ``group`` is a name of :data:`KEYS`; ``step_us`` 0 = one slot."""

    scope: Scope
    view: str = "entry"
    service: str = ""
    operation: str = ""
    kind: str = ""
    caller: str = ""
    """Of the group ``side`` alone: one caller's node; there ``service`` is the callee's."""
    group: str = "service"
    step_us: int = 0
    histogram: bool = True
    """False leaves the histograms out, where only counts are wanted."""
    placed: bool = False
    """Percentiles (:attr:`Figures.placed`) in place of the histograms, where nothing is added up or judged by them."""


@dataclass(frozen=True, slots=True)
class EdgesQuery:
    """One question for the edges of the map, or for those to some callees alone."""

    scope: Scope
    callees: tuple[str, ...] = ()
    """With histograms. Of all callees, only those that are no services by their names have them."""
    times: bool = True
    """False leaves out percentiles and histograms."""


GROUPS = {
    "service": ("service",),
    "operation": ("service", "name", "kind"),
    "instance": ("service", "instance", "host", "zone", "version"),
    "zone": ("service", "zone"),
    "caller": ("service", "caller"),
}
"""Grouping of figures -> the columns of its key."""

KEYS = GROUPS | {"entry": ("service", "entry"), "side": ("service", "caller", "side")}
"""With those that no answer shows: services by entry calls (key ``1``) and others (``0``, without histograms), and
edges of the map by the callee's node, the caller's and the kind of the rows that told."""

EDGES = frozenset({"caller", "side"})
"""Groups of the map's edges."""

NAMES = ("service", "name", "kind", "node", "remote")
"""What :meth:`SpanReader.names` knows of a span."""

MOST_GROUPS = 20_000
"""Groups times slots in one answer of the store: one that has as many was cut."""

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


@dataclass(frozen=True, slots=True)
class Counted:
    """Entry calls whose marks the store has counted, and what it leaves to their rows."""

    counts: "Callable[[Collection[str], Callable[[str, Collection[str]], str]], Counts]"
    """Given marks that are counted however rare, and the names of far ends by their keys and the services that told."""
    rest: "SpanReader"
    """Holds the traces that are not counted."""
    truncated: bool
    """True where some traces are neither counted nor held."""


Naming = Callable[[str, str], str]
"""The name of a far end that told nothing of a call, by its node key and, where it never named itself, its address."""


class Slots(NamedTuple):
    """Equal slots of a range; what lies before or after it belongs to the slot at that end. Microseconds."""

    from_us: int
    width_us: int
    """Of all of them."""
    number: int

    def of(self, at_us: int) -> int:
        """The slot that a time lies in."""
        return min(self.number - 1, max(0, (at_us - self.from_us) * self.number // self.width_us))


class SettledCauses(Protocol):
    """What began the failures of the settled traces that a search finds."""

    traces: int
    """Failing traces."""
    services: frozenset[str]
    """Services with a row in one of them."""

    @property
    def addresses(self) -> frozenset[str]:
        """Far ends that never named themselves."""

    def groups(self, name: Naming, slots: Slots) -> "dict[Trouble, Cause]":
        """The causes by what they have in common."""

    def holding(self, wanted: str, name: Naming, most: int) -> list[str]:
        """The newest ``most`` traces with a cause of this id."""


@dataclass(frozen=True, slots=True)
class Caused:
    """Causes that were written as traces settled, and what they leave to rows."""

    settled: SettledCauses
    rest: "SpanReader"
    """Holds the traces whose causes are not written."""
    left: tuple[str, ...]
    """Those of them that are settled or about to be."""
    truncated: bool
    """True where some causes are neither written nor in these traces."""


class SettledPaths(Protocol):
    """The finished entry calls of settled traces that meet a search, each of which did one thing after the other."""

    calls: int

    def limits(self, others: Sequence[int]) -> "Limits":
        """The limits of the bands of these calls and of others that took so many microseconds."""

    def bands(self, limits: "Limits") -> "dict[str, Band]":
        """The parts of the path by band."""

    def bands_and_tail(
        self, limits: "Limits", part: "Part", factor: float, others: Sequence[float]
    ) -> "tuple[dict[str, Band], list[float]]":
        """The bands, and the p50, p95 and p99 of what these calls would take if a part took ``factor`` of its time.

        With ``others`` among them: what other calls would take.
        """


@dataclass(frozen=True, slots=True)
class Paths:
    """Entry calls whose parts of time were written as their traces settled, and what they leave to rows."""

    settled: SettledPaths
    rest: "SpanReader"
    """Holds the traces of all other calls."""
    truncated: bool
    """True where some calls are neither settled nor held."""


class UserDay(NamedTuple):
    """A user's traces of one day, in UTC: how many began, how many failed, when the first and the last began."""

    day_us: int
    traces: int
    failed: int
    first_us: int
    last_us: int


class SpanReader(Protocol):
    """Reads a store. Every answer is bounded in time and size; nothing is written.

    Raises the errors of :mod:`hopline_query.errors`. Safe for use from many threads.
    """

    def hint(self, trace_id: str) -> Hint | None:
        """What the store knows of a trace before its rows are read; None when unknown.

        A pinned trace is known for good, whatever retention took.
        """

    def trace(self, trace_id: str, limit: int) -> tuple[Hint | None, list[Row]]:
        """What the store knows of a trace, and up to ``limit`` of its rows as :meth:`trace_rows` gives them.

        The rows are at least those that the hint tells of.
        """

    def thinned(self, trace_id: str) -> bool:
        """Whether thinning by age took the trace."""

    def trace_rows(self, trace_id: str, limit: int, hint: Hint | None = None) -> list[Row]:
        """Up to ``limit`` rows of a trace, the earliest first, copies included; empty when unknown.

        ``hint`` saves the look-up of one that was read already.
        """

    def many_rows(self, summaries: Sequence[TraceSummary], limit: int) -> dict[str, list[Row]]:
        """The same of several traces, up to ``limit`` rows of each, by trace id."""

    def rows_of(self, trace_ids: Sequence[str], limit: int, most: int) -> dict[str, list[Row]]:
        """Up to ``limit`` rows of each of these traces and ``most`` of all; those that are unknown are left out."""

    def search(self, query: SearchQuery) -> tuple[list[TraceSummary], int]:
        """One page, and the number of matches (of the whole search, not of the rest), counted to 10,001 at most."""

    def matched(self, trace_ids: Sequence[str], query: SearchQuery) -> dict[str, tuple[list[str], int]]:
        """Ids of the rows that met the query's conditions on rows: up to :data:`MATCHED`, and how many there are.

        Empty where the query has none.
        """

    def counted(self, selected: SearchQuery, base: SearchQuery) -> Counted | None:
        """The entry calls that meet ``selected``, and the others that meet ``base``; each names a service.

        None where they are not counted beforehand.
        """

    def settled_having(self, query: SearchQuery, terms: "Sequence[Mark]", most: int) -> list[str] | None:
        """The newest ``most`` settled traces with an entry call that meets a query and these terms of a finding.

        Others may be among them; ``query`` names a service. None where calls are not counted beforehand.
        """

    def caused(self, query: SearchQuery) -> Caused | None:
        """What began the failures in the traces that a search for failing ones finds.

        None where causes are not written beforehand, or rows are to be asked which traces are meant.
        """

    def paths(self, query: SearchQuery) -> Paths | None:
        """The parts of the time of the entry calls that meet ``query``, which names a service.

        None where they are not written beforehand, or too many are left to rows.
        """

    def user_page(self, query: SearchQuery) -> tuple[tuple[list[TraceSummary], int], list[UserDay]]:
        """A search of a user's traces, and the days of all of them, whatever else the search asks."""

    def user_days(self, uid: str, scope: Scope) -> list[UserDay]:
        """The days of a user's traces, the newest day first."""

    def uids_like(self, prefix: str, limit: int) -> list[str]:
        """Uids that begin so, in order."""

    def tags(self, scope: Scope, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """``(value, rows)`` of a key, or ``(key, rows)`` without one, most frequent first."""

    def instances(self, scope: Scope, service: str) -> dict[tuple[str, str, str], tuple[int, int]]:
        """First and last sight of ``(service, instance, version)``, over the whole days of the range."""

    def envs(self, scope: Scope) -> list[str]:
        """Environments, in order."""

    def names(
        self, scope: Scope, columns: tuple[str, ...], services: Sequence[str] | None = None
    ) -> list[tuple[str, ...]]:
        """The distinct values of these :data:`NAMES` in the range widened to 10 s, to a day at its ends, in order.

        Of finished spans and of others, of all services or of these. ``remote`` is the far end by
        the name that the span gave it, ``node`` the topic, database or cache.
        """

    def figures(self, query: FiguresQuery) -> tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]:
        """``{(group key, slot start in us): figures}``, the range cut to slots, and the slot length in us."""

    def edges(self, query: EdgesQuery) -> tuple[list[Edge], Scope]:
        """Every pair of the map and every side that told of it, and the range cut to slots.

        An edge without its histogram has its percentiles (:attr:`Figures.placed`): nothing can be added to it.
        """

    def told_by_callers(self, scope: Scope) -> tuple[list[Edge], Scope]:
        """Counts of calls that callers told of each callee, all callers in one edge without a name, and the range."""

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

    def judge(self, pattern: str, texts: Collection[str]) -> Collection[str]:
        """Those of the texts that a regular expression of RE2 finds something in."""

    def stored_since(self, since_us: int) -> int:
        """Rows that were stored since then."""
