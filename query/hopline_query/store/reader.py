"""The store behind the port: ClickHouse, embedded or by URL."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from string import Template
from typing import Any

from hopline.model import Row
from hopline_collector.store.clickhouse import ClickHouse
from hopline_query.latency.figures import Figures
from hopline_query.store import (
    archived,
    caused,
    figures,
    members,
    moving,
    one_trace,
    settled_counts,
    settled_paths,
    trace_search,
    users,
)
from hopline_query.store.asking import Asker, statement
from hopline_query.store.conditions import Conditions
from hopline_query.store.extent import extent
from hopline_query.store.memory import MemoryReader
from hopline_query.store.moving import Moving
from hopline_query.store.paging import unite
from hopline_query.store.port import (
    Caused,
    Cell,
    Counted,
    Edge,
    EdgesQuery,
    ErrorGroup,
    FiguresQuery,
    Hint,
    Paths,
    Report,
    Scope,
    SearchQuery,
    UserDay,
)
from hopline_query.store.rows import row_of
from hopline_query.tree.build import LIMIT
from hopline_query.tree.summary import TraceSummary
from hopline_query.why.marks import Term as Mark

ACCOUNT = (
    *("source", "topic", "partition", "end", "at_us", "received", "stored"),
    *("dead", "sampled_out", "duplicate", "rejected", "gaps"),
)
"""Columns of store/sql/ledger.sql."""

DAY_US = 86_400_000_000
FOREVER_US = 253_402_300_799_999_999


class ClickHouseReader:
    """Reads one database of ClickHouse; see :class:`hopline_query.store.port.SpanReader`."""

    def __init__(self, store: ClickHouse) -> None:
        self._ask = Asker(store)
        self._pinned = archived.Pinned(self._ask)
        self._moving = Moving(self._ask)
        self._first_call = 0

    def hint(self, trace_id: str) -> Hint | None:
        """Time and size of a trace, from its summary."""
        return one_trace.hint(self._ask, trace_id)

    def trace(self, trace_id: str, limit: int) -> tuple[Hint | None, list[Row]]:
        """Both in one statement where the id tells the time."""
        return one_trace.trace(self._ask, trace_id, limit)

    def thinned(self, trace_id: str) -> bool:
        """By the list that thinning makes before it deletes."""
        return bool(self._ask.file("thinned", {"trace_id": trace_id})[0][0])

    def trace_rows(self, trace_id: str, limit: int, hint: Hint | None = None) -> list[Row]:
        """Rows by id: the hint first, so that only this trace's granules are read (W1)."""
        known = hint or self.hint(trace_id)
        return one_trace.rows(self._ask, trace_id, limit, known) if known else []

    def many_rows(self, summaries: Sequence[TraceSummary], limit: int) -> dict[str, list[Row]]:
        """Rows of several traces at once."""
        found: dict[str, list[Row]] = {summary.trace_id: [] for summary in summaries}
        if found:
            bounds = {"low": min(s.start_us for s in summaries), "high": max(s.end_us for s in summaries)}
            for stored in self._ask.file("trace_rows", {"ids": list(found), "limit": limit} | bounds):
                row = row_of(stored)
                found[row.trace_id].append(row)
            pinned = [trace_id for trace_id, rows in found.items() if not rows]
            for row in archived.rows_of(self._ask, pinned, limit) if pinned else ():
                found[row.trace_id].append(row)
        return found

    def rows_of(self, trace_ids: Sequence[str], limit: int, most: int) -> dict[str, list[Row]]:
        """Rows of several traces by their ids; those of pinned ones from the archive where no others are left."""
        found: dict[str, list[Row]] = {}
        for row in moving.rows_of(self._ask, trace_ids, limit, most):
            found.setdefault(row.trace_id, []).append(row)
        lost = [trace_id for trace_id in trace_ids if trace_id not in found]
        for row in archived.rows_of(self._ask, lost, limit) if lost else ():
            found.setdefault(row.trace_id, []).append(row)
        return found

    def search(self, query: SearchQuery) -> tuple[list[TraceSummary], int]:
        """One page of traces, and how many match."""
        self._ask.check_patterns(query.expression)
        found = trace_search.search(self._ask, self._moving, query)
        pinned = self._pinned.within(query)
        return found if pinned is None else unite(found, pinned.search(query), query)

    def matched(self, trace_ids: Sequence[str], query: SearchQuery) -> dict[str, tuple[list[str], int]]:
        """Rows that met the conditions, of the traces of a page."""
        found = members.matched(self._ask, trace_ids, query)
        lost = [trace_id for trace_id in trace_ids if trace_id not in found] if query.by_any_row else []
        if not lost:
            return found
        rows = archived.rows_of(self._ask, lost, archived.ROWS)
        return found | MemoryReader(rows, judge=self._ask.judge).matched(lost, query)

    def counted(self, selected: SearchQuery, base: SearchQuery) -> Counted | None:
        """By the entry calls that were written as their traces settled."""
        queries = (selected, base)
        if not self._covered(queries):
            return None
        for query in queries:
            self._ask.check_patterns(query.expression)
        moved = self._moving.now()
        stamps = moved.stamps
        low, high = min(q.scope.from_us for q in queries), max(q.scope.to_us for q in queries)
        pinned = self._pinned.within(replace(selected, scope=replace(selected.scope, from_us=low, to_us=high)))
        rows = [*self._moving.rows(stamps or {}, LIMIT), *(pinned.rows if pinned else ())]
        return Counted(
            lambda also, named: settled_counts.SettledCounts(self._ask, queries, moved, also, named),
            MemoryReader(rows, judge=self._ask.judge),
            stamps is None and settled_counts.moves(self._ask, queries),
        )

    def settled_having(self, query: SearchQuery, terms: Sequence[Mark], most: int) -> list[str] | None:
        """By the entry calls that were written as their traces settled."""
        self._ask.check_patterns(query.expression)
        moved = self._moving.now()
        stamps = moved.stamps
        if stamps is None or not self._covered((query, query)):
            return None
        found = settled_counts.SettledCounts(self._ask, (query, query), moved).traces(terms, most)
        # What moved a moment ago may be settled when the list is used.
        return [*found, *stamps]

    def caused(self, query: SearchQuery) -> Caused | None:
        """By the causes that were written as their traces settled."""
        self._ask.check_patterns(query.expression)
        moved = self._moving.now()
        stamps = moved.stamps
        found = caused.written(self._ask, query, moved)
        if found is None:
            return None
        moving_traces, total = list(stamps or {}), 0
        if stamps is None:
            newest = replace(query, order_by="newest", after=None, as_of_us=0, limit=caused.MOVING)
            conditions = Conditions(trace_search.indexed_keys(self._ask, query))
            moving_found, total = trace_search.moving_found(self._ask, newest, conditions, moved.ids)
            moving_traces = [one[0] for one in moving_found]
            rows = trace_search.rows_between(self._ask, moving_found)
        else:
            rows = self._moving.rows(stamps, LIMIT)
        rows += moving.rows_of(self._ask, found.left, LIMIT)
        pinned = self._pinned.within(query)
        rows += pinned.rows if pinned else ()
        left = (*found.left, *moving_traces)
        return Caused(found, MemoryReader(rows, judge=self._ask.judge), left, total > caused.MOVING)

    def paths(self, query: SearchQuery) -> Paths | None:
        """By the entry calls that were written as their traces settled."""
        if not self._covered((query, query)):
            return None
        self._ask.check_patterns(query.expression)
        moved = self._moving.now()
        stamps = moved.stamps
        found = settled_paths.SettledPaths(self._ask, query, moved)
        if found.too_many:
            return None
        pinned = self._pinned.within(query)
        rows = [*self._moving.rows(stamps or {}, LIMIT), *(pinned.rows if pinned else ())]
        rows += moving.rows_of(self._ask, found.left, LIMIT, settled_paths.MOST_ROWS + 1)
        if len(rows) > settled_paths.MOST_ROWS:
            return None
        moves = stamps is None and settled_counts.moves(self._ask, (query, query))
        return Paths(found, MemoryReader(rows, judge=self._ask.judge), moves)

    def _covered(self, queries: tuple[SearchQuery, SearchQuery]) -> bool:
        self._first_call = self._first_call or int(self._ask.file("first_settled_call")[0][0])
        return settled_counts.covered(self._ask, queries, self._first_call)

    def user_page(self, query: SearchQuery) -> users.Page:
        """A user's traces and days: in one look, if nothing else is asked and no pinned trace is to be read."""
        quick = users.user_page(self._ask, self._moving, query) if self._pinned.within(query) is None else None
        return quick or (self.search(query), self.user_days(query.uid, query.scope))

    def user_days(self, uid: str, scope: Scope) -> list[UserDay]:
        """A user's days."""
        return users.user_days(self._ask, self._moving, SearchQuery(scope, uid=uid))

    def uids_like(self, prefix: str, limit: int) -> list[str]:
        """Uids with this prefix."""
        return [row[0] for row in self._ask.file("uids_like", {"prefix": prefix, "limit": limit})]

    def tags(self, scope: Scope, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """Tag keys, or values of one."""
        return figures.tags(self._ask, scope, key, prefix, limit)

    def instances(self, scope: Scope, service: str) -> dict[tuple[str, str, str], tuple[int, int]]:
        """First and last sight of processes."""
        found = self._ask.remembered(statement("instances"), figures.days_of(scope) | {"service": service})
        return {(row[0], row[1], row[2]): (row[3], row[4]) for row in found}

    def names(
        self, scope: Scope, columns: tuple[str, ...], services: Sequence[str] | None = None
    ) -> list[tuple[str, ...]]:
        """What spans are called."""
        return figures.names(self._ask, scope, columns, services)

    def envs(self, scope: Scope) -> list[str]:
        """Environments."""
        return [row[0] for row in self._ask.remembered(statement("envs"), figures.days_of(scope))]

    def figures(self, query: FiguresQuery) -> tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]:
        """Figures by group and slot."""
        return figures.figures(self._ask, query)

    def edges(self, query: EdgesQuery) -> tuple[list[Edge], Scope]:
        """Every pair of the map, by side."""
        return figures.edges(self._ask, query)

    def told_by_callers(self, scope: Scope) -> tuple[list[Edge], Scope]:
        """The callers' sides by callee."""
        return figures.told_by_callers(self._ask, scope)

    def taught(self, hosts: Sequence[str], scope: Scope) -> list[tuple[str, str, str]]:
        """By the index of tags, so that only calls to these hosts are read."""
        conditions = Conditions()
        wanted = " OR ".join(f"has(kv, {conditions.bind(f'server.address={host}')})" for host in hosts) or "0"
        text = Template(statement("addresses")).safe_substitute(hosts=wanted)
        bounds = {"low": scope.from_us, "high": scope.to_us}
        return [(row[0], row[1], row[2]) for row in self._ask.rows(text, conditions.parameters | bounds)]

    def errors(self, scope: Scope, service: str, operation: str, limit: int) -> tuple[list[ErrorGroup], bool]:
        """Failures grouped."""
        return figures.error_groups(self._ask, scope, service, operation, limit)

    def heatmap(self, query: FiguresQuery, columns: int) -> list[Cell]:
        """Rows by time and duration."""
        return figures.heatmap(self._ask, query, columns)

    def newest_arrival(self) -> int:
        """When the newest block came."""
        return int(self._ask.file("newest_arrival")[0][0])

    def reports(self, since_us: int) -> list[Report]:
        """Newest report of each process."""
        return [
            Report(service, instance, at_us, recorded, sent, dict(dropped), depth)
            for service, instance, at_us, recorded, sent, dropped, depth in self._ask.file(
                "reports", {"since_us": since_us}
            )
        ]

    def extent(self) -> tuple[int, int, int]:
        """The widest range with data."""
        return extent(self._ask)

    def system(self) -> dict[str, Any]:
        """Accounts, sizes, dead letters."""
        sizes = self._ask.file("tables")
        return {
            "collectors": [dict(zip(ACCOUNT, row, strict=True)) for row in self._ask.file("ledger")],
            "tables": [dict(zip(("table", "rows", "bytes", "parts"), row, strict=True)) for row in sizes],
            "dead_letters": self._ask.file("dead_letters")[0][0],
        }

    def judge(self, pattern: str, texts: Collection[str]) -> Collection[str]:
        """By the engine."""
        return self._ask.judge(pattern, texts)

    def stored_since(self, since_us: int) -> int:
        """Rows stored since then, by the ledger."""
        return int(self._ask.file("ingest_rate", {"since_us": since_us})[0][0])
