"""The store behind the port: ClickHouse, embedded or by URL."""

from collections.abc import Sequence
from dataclasses import replace
from string import Template
from typing import Any

from hopline.model import Row
from hopline_collector.store.clickhouse import ClickHouse
from hopline_query.ids import created_us
from hopline_query.latency import Figures
from hopline_query.store import archived, figures, trace_search
from hopline_query.store.asking import Asker, statement
from hopline_query.store.conditions import Conditions
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import (
    SPREAD_US,
    Cell,
    Details,
    Edge,
    ErrorGroup,
    FiguresQuery,
    Hint,
    Report,
    Scope,
    SearchQuery,
    Summary,
)
from hopline_query.store.rows import hex16, stored_copy, stored_order

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

    def hint(self, trace_id: str) -> Hint | None:
        """Time and size of a trace, from its summary."""
        archive: Hint | None = None
        closed = False
        for low, high in _tries(trace_id):
            found = self._ask.file("trace_bounds", {"trace_id": trace_id, "low": low, "high": high})
            told = {source: Hint(*values) for source, *values in found if values[2]}
            archive, closed = told.get("archive"), "closed" in told
            if "summary" in told:
                return replace(_with_archive(told["summary"], archive), closed=closed)
        return replace(archive, archived=True, closed=closed) if archive else None

    def thinned(self, trace_id: str) -> bool:
        """By the list that thinning makes before it deletes."""
        return bool(self._ask.file("thinned", {"trace_id": trace_id})[0][0])

    def trace_rows(self, trace_id: str, limit: int, hint: Hint | None = None) -> list[Row]:
        """Rows by id: the hint first, so that only this trace's granules are read (W1)."""
        known = hint or self.hint(trace_id)
        if known is None:
            return []
        parameters = {"ids": [trace_id], "low": known.start_us, "high": known.end_us, "limit": limit}
        rows = [Row(*row) for row in self._ask.file("trace_rows", parameters)]
        return rows if rows and not known.archived else self._united(rows, trace_id, limit)

    def _united(self, rows: list[Row], trace_id: str, limit: int) -> list[Row]:
        """The rows that retention left and those of the archive, each stored copy once."""
        left = {stored_copy(row) for row in rows}
        both = rows + [row for row in archived.rows_of(self._ask, [trace_id], limit) if stored_copy(row) not in left]
        return sorted(both, key=stored_order)[:limit]

    def many_rows(self, summaries: Sequence[Summary], limit: int) -> dict[str, list[Row]]:
        """Rows of several traces at once."""
        found: dict[str, list[Row]] = {summary.trace_id: [] for summary in summaries}
        if found:
            bounds = {"low": min(s.start_us for s in summaries), "high": max(s.end_us for s in summaries)}
            for stored in self._ask.file("trace_rows", {"ids": list(found), "limit": limit} | bounds):
                row = Row(*stored)
                found[row.trace_id].append(row)
            pinned = [trace_id for trace_id, rows in found.items() if not rows]
            for row in archived.rows_of(self._ask, pinned, limit) if pinned else ():
                found[row.trace_id].append(row)
        return found

    def linked_from(self, trace_id: str) -> list[tuple[str, str, str]]:
        """Rows that link to this trace."""
        found = self._ask.file("linked_from", {"trace_id": trace_id})
        return [(trace, hex16(id_), kind) for trace, id_, kind in found]

    def search(self, query: SearchQuery) -> tuple[list[Summary], int]:
        """One page of traces, and how many match."""
        found = trace_search.search(self._ask, query)
        pinned = self._pinned.within(query)
        return found if pinned is None else archived.united(found, pinned.search(query), query)

    def details(self, summaries: Sequence[Summary], query: SearchQuery) -> dict[str, Details]:
        """What a page shows of its traces."""
        found = trace_search.details(self._ask, summaries, query)
        pinned = [summary for summary in summaries if summary.trace_id not in found]
        if pinned:
            rows = archived.rows_of(self._ask, [summary.trace_id for summary in pinned], archived.ROWS)
            found |= MemoryReader(rows).details(pinned, query)
        return found

    def user_days(self, uid: str, scope: Scope) -> list[tuple[int, int, int]]:
        """Traces and failed traces of a user by day."""
        bounds = {"low": max(0, scope.from_us - SPREAD_US), "high": scope.to_us + SPREAD_US}
        rest = {"from_us": scope.from_us, "to_us": scope.to_us, "env": scope.env, "load_test": scope.load_test}
        found = self._ask.file("user_days", {"uid": uid} | bounds | rest)
        return [(row[0], row[1], row[2]) for row in found]

    def uids_like(self, prefix: str, limit: int) -> list[str]:
        """Uids with this prefix."""
        return [row[0] for row in self._ask.file("uids_like", {"prefix": prefix, "limit": limit})]

    def tags(self, scope: Scope, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """Tag keys, or values of one."""
        return figures.tags(self._ask, scope, key, prefix, limit)

    def instances(self, scope: Scope, service: str) -> dict[tuple[str, str, str], tuple[int, int]]:
        """First and last sight of processes."""
        found = self._ask.file("instances", figures.days_of(scope) | {"service": service})
        return {(row[0], row[1], row[2]): (row[3], row[4]) for row in found}

    def envs(self, scope: Scope) -> list[str]:
        """Environments."""
        return [row[0] for row in self._ask.file("envs", figures.days_of(scope))]

    def figures(self, query: FiguresQuery) -> tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]:
        """Figures by group and slot."""
        return figures.figures(self._ask, query)

    def edges(self, scope: Scope) -> tuple[list[Edge], Scope]:
        """Every pair of the map, by side."""
        return figures.edges(self._ask, scope)

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
        first, last, traces = self._ask.file("extent")[0]
        return first, last, traces

    def system(self) -> dict[str, Any]:
        """Accounts, sizes, dead letters."""
        sizes = self._ask.file("tables", {"database": self._ask.database})
        return {
            "collectors": [dict(zip(ACCOUNT, row, strict=True)) for row in self._ask.file("ledger")],
            "tables": [dict(zip(("table", "rows", "bytes", "parts"), row, strict=True)) for row in sizes],
            "dead_letters": self._ask.file("dead_letters")[0][0],
        }

    def stored_since(self, since_us: int) -> int:
        """Rows stored since then, by the ledger."""
        return int(self._ask.file("ingest_rate", {"since_us": since_us})[0][0])


def _with_archive(summary: Hint, archive: Hint | None) -> Hint:
    """The archive counts where the trace began on a day that is gone: otherwise it holds copies alone."""
    if archive is None or archive.start_us >= summary.start_us:
        return summary
    return Hint(
        archive.start_us,
        max(archive.end_us, summary.end_us),
        archive.spans + summary.spans,
        max(archive.arrived, summary.arrived),
        archived=True,
    )


def _tries(trace_id: str) -> list[tuple[int, int]]:
    """Ranges to look for a trace in: a native id tells its own time, so old days are read only in need."""
    made = created_us(trace_id)
    near = [(max(0, made - DAY_US), made + 2 * DAY_US)] if made else []
    return [*near, (0, FOREVER_US)]
