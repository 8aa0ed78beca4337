"""The store's twin in memory: the same answers from a plain list of rows.

For tests, for files that are opened without a store, and as the recount that the
roll-ups must equal. It keeps every promise of the port; it is not meant for size.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hopline.model import Row
from hopline_query.latency.figures import Figures
from hopline_query.search.matching import Judge, judged, no_judge
from hopline_query.store import judging, recount, recounted_names
from hopline_query.store.days import by_day
from hopline_query.store.paging import page
from hopline_query.store.port import (
    COUNTED,
    Cell,
    Edge,
    EdgesQuery,
    ErrorGroup,
    FiguresQuery,
    Hint,
    Report,
    Scope,
    SearchQuery,
    UserDay,
)
from hopline_query.store.rows import stored_order
from hopline_query.tree.summary import TraceSummary

if TYPE_CHECKING:
    from hopline_query.why.marks import Term as Mark


class MemoryReader:
    """Reads a list of rows; see :class:`hopline_query.store.port.SpanReader`.

    ``closed`` names traces whose further rows were not kept, ``thinned`` those that thinning took.
    ``judge`` runs the regular expressions of filters; without one they are refused.
    """

    def __init__(
        self,
        rows: Iterable[Row] = (),
        reports: Iterable[Report] = (),
        closed: Iterable[str] = (),
        thinned: Iterable[str] = (),
        judge: Judge = no_judge,
    ) -> None:
        self.rows = list(rows)
        self._judge = judge
        self._reports = list(reports)
        self._closed = frozenset(closed)
        self._thinned = frozenset(thinned)

    def hint(self, trace_id: str) -> Hint | None:
        """Time and size of a trace."""
        rows = [row for row in self.rows if row.trace_id == trace_id]
        if not rows:
            return None
        last = max(row.start_us + (row.duration_us or 0) for row in rows)
        newest = max(row.arrived for row in rows)
        links = {(row.trace_id, row.id, row.kind) for row in self.rows for link in row.links if link[0] == trace_id}
        return Hint(
            min(row.start_us for row in rows),
            last,
            len(rows),
            newest,
            closed=trace_id in self._closed,
            linked_from=tuple(sorted(links)),
        )

    def trace(self, trace_id: str, limit: int) -> tuple[Hint | None, list[Row]]:
        """Both, of the same list."""
        return self.hint(trace_id), self.trace_rows(trace_id, limit)

    def thinned(self, trace_id: str) -> bool:
        """As it was told."""
        return trace_id in self._thinned

    def trace_rows(self, trace_id: str, limit: int, hint: Hint | None = None) -> list[Row]:  # noqa: ARG002  the port's
        """Rows of a trace, the earliest first."""
        found = [row for row in self.rows if row.trace_id == trace_id]
        return sorted(found, key=stored_order)[:limit]

    def many_rows(self, summaries: Sequence[TraceSummary], limit: int) -> dict[str, list[Row]]:
        """Rows of several traces."""
        return {summary.trace_id: self.trace_rows(summary.trace_id, limit) for summary in summaries}

    def rows_of(self, trace_ids: Sequence[str], limit: int, most: int) -> dict[str, list[Row]]:
        """Rows of several traces by their ids."""
        found: dict[str, list[Row]] = {}
        for row in sorted((row for row in self.rows if row.trace_id in trace_ids), key=stored_order):
            known = found.setdefault(row.trace_id, [])
            if len(known) < limit and most > 0:
                known.append(row)
                most -= 1
        return found

    def search(self, query: SearchQuery) -> tuple[list[TraceSummary], int]:
        """One page of traces, and how many match; pages after the first show every trace as it was at page 1."""
        traces = self._traces(query.as_of_us if query.after is not None else None)
        known = judged(self.rows, query.expression, self._judge)
        found = [summary for rows in traces.values() if (summary := judging.matching(rows, query, known)) is not None]
        return page(found, query), min(len(found), COUNTED + 1)

    def summaries(self) -> list[TraceSummary]:
        """The figures of every trace."""
        return [judging.summary(rows) for rows in self._traces().values()]

    def matched(self, trace_ids: Sequence[str], query: SearchQuery) -> dict[str, tuple[list[str], int]]:
        """Rows that met the conditions, of these traces."""
        if not query.by_any_row:
            return {}
        traces = self._traces()
        known = judged(self.rows, query.expression, self._judge)
        return {
            trace_id: judging.matched(traces[trace_id], query, known) for trace_id in trace_ids if trace_id in traces
        }

    def counted(self, selected: SearchQuery, base: SearchQuery) -> None:
        """Nothing is counted beforehand."""

    def caused(self, query: SearchQuery) -> None:
        """Nothing is settled here."""

    def settled_having(self, query: SearchQuery, terms: "Sequence[Mark]", most: int) -> None:
        """Nothing is counted beforehand."""

    def paths(self, query: SearchQuery) -> None:
        """Nothing is settled here."""

    def user_page(self, query: SearchQuery) -> tuple[tuple[list[TraceSummary], int], list[UserDay]]:
        """A user's traces and days."""
        return self.search(query), self.user_days(query.uid, query.scope)

    def user_days(self, uid: str, scope: Scope) -> list[UserDay]:
        """A user's days."""
        return by_day(self.search(SearchQuery(scope, uid=uid, limit=len(self.rows) + 1))[0])

    def uids_like(self, prefix: str, limit: int) -> list[str]:
        """Uids with this prefix."""
        return sorted({row.uid for row in self.rows if row.uid and row.uid.startswith(prefix)})[:limit]

    def tags(self, scope: Scope, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """Tag keys, or values of one, over the whole days of the range."""
        return recounted_names.tags(self.rows, scope, key, prefix, limit)

    def instances(self, scope: Scope, service: str) -> dict[tuple[str, str, str], tuple[int, int]]:
        """First and last sight of processes, by whole minutes."""
        return recounted_names.instances(self.rows, scope, service)

    def names(
        self, scope: Scope, columns: tuple[str, ...], services: Sequence[str] | None = None
    ) -> list[tuple[str, ...]]:
        """What spans are called: like the store, that of a day's spans which began or ended in the range."""
        return recounted_names.names(self.rows, scope, columns, services)

    def envs(self, scope: Scope) -> list[str]:
        """Environments."""
        return recounted_names.envs(self.rows, scope)

    def figures(self, query: FiguresQuery) -> tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]:
        """Figures by group and slot."""
        return recount.figures(self.rows, query)

    def edges(self, query: EdgesQuery) -> tuple[list[Edge], Scope]:
        """Every pair of the map, by side."""
        return recount.edges(self.rows, query)

    def told_by_callers(self, scope: Scope) -> tuple[list[Edge], Scope]:
        """The callers' sides by callee."""
        return recount.told_by_callers(self.rows, scope)

    def taught(self, hosts: Sequence[str], scope: Scope) -> list[tuple[str, str, str]]:
        """What calls to these hosts learnt of their far ends."""
        return recount.taught(self.rows, hosts, scope)

    def errors(self, scope: Scope, service: str, operation: str, limit: int) -> tuple[list[ErrorGroup], bool]:
        """Failures grouped."""
        return recount.errors(self.rows, scope, service, operation, limit)

    def heatmap(self, query: FiguresQuery, columns: int) -> list[Cell]:
        """Rows by time and duration."""
        return recount.heatmap(self.rows, query, columns)

    def newest_arrival(self) -> int:
        """When the newest row came."""
        return max((row.arrived for row in self.rows), default=0)

    def reports(self, since_us: int) -> list[Report]:
        """Newest report of each process."""
        newest: dict[tuple[str, str], Report] = {}
        for report in sorted(self._reports, key=lambda r: r.at_us):
            if report.at_us >= since_us:
                newest[report.service, report.instance] = report
        return [newest[key] for key in sorted(newest)]

    def extent(self) -> tuple[int, int, int]:
        """The widest range with data."""
        starts: dict[str, int] = {}
        for row in self.rows:
            starts[row.trace_id] = min(row.start_us, starts.get(row.trace_id, row.start_us))
        return (min(starts.values()), max(starts.values()), len(starts)) if starts else (0, 0, 0)

    def system(self) -> dict[str, Any]:
        """One table, no collectors."""
        tables = [{"table": "spans", "rows": len(self.rows), "bytes": 0, "parts": 1}]
        return {"collectors": [], "tables": tables, "dead_letters": 0}

    def judge(self, pattern: str, texts: Collection[str]) -> Collection[str]:
        """As it was given."""
        return self._judge(pattern, texts)

    def stored_since(self, since_us: int) -> int:
        """Rows that arrived since then."""
        return sum(row.arrived >= since_us for row in self.rows)

    def _traces(self, as_of_us: int | None = None) -> dict[str, list[Row]]:
        traces: dict[str, list[Row]] = {}
        for row in self.rows:
            if as_of_us is None or row.arrived <= as_of_us:
                traces.setdefault(row.trace_id, []).append(row)
        return traces
