"""The store's twin in memory: the same answers from a plain list of rows.

For tests, for files that are opened without a store, and as the recount that the
roll-ups must equal. It keeps every promise of the port; it is not meant for size.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

from hopline.model import CALL_KINDS, DEBUG, ENTRY_KINDS, LOAD_TEST, Row
from hopline_query import aggregate
from hopline_query.latency import Figures, bucket
from hopline_query.matching import meets, row_meets
from hopline_query.pairing import by_minute
from hopline_query.search import terms
from hopline_query.store.figures import DAY_US, MINUTE_US, cut, edge_slot, slot_length
from hopline_query.store.port import (
    COUNTED,
    GROUPS,
    QUIET_US,
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
from hopline_query.store.rows import stored_order
from hopline_query.store.trace_search import ASCENDING, MATCHED

STATUS_KEYS = ("http.response.status_code", "http.status_code")


class MemoryReader:
    """Reads a list of rows; see :class:`hopline_query.store.port.SpanReader`.

    ``closed`` names traces whose further rows were not kept, ``thinned`` those that thinning took.
    """

    def __init__(
        self,
        rows: Iterable[Row] = (),
        reports: Iterable[Report] = (),
        closed: Iterable[str] = (),
        thinned: Iterable[str] = (),
    ) -> None:
        self.rows = list(rows)
        self._reports = list(reports)
        self._closed = frozenset(closed)
        self._thinned = frozenset(thinned)

    def hint(self, trace_id: str) -> Hint | None:
        """Time and size of a trace."""
        rows = [row for row in self.rows if row.trace_id == trace_id]
        if not rows:
            return None
        found = _summary(trace_id, rows)
        closed = trace_id in self._closed
        return Hint(found.start_us, found.end_us, found.spans, found.arrived, closed=closed)

    def thinned(self, trace_id: str) -> bool:
        """As it was told."""
        return trace_id in self._thinned

    def trace_rows(self, trace_id: str, limit: int, hint: Hint | None = None) -> list[Row]:  # noqa: ARG002  the port's
        """Rows of a trace, the earliest first."""
        found = [row for row in self.rows if row.trace_id == trace_id]
        return sorted(found, key=stored_order)[:limit]

    def many_rows(self, summaries: Sequence[Summary], limit: int) -> dict[str, list[Row]]:
        """Rows of several traces."""
        return {summary.trace_id: self.trace_rows(summary.trace_id, limit) for summary in summaries}

    def linked_from(self, trace_id: str) -> list[tuple[str, str, str]]:
        """Rows that link to this trace."""
        return sorted(
            {(row.trace_id, row.id, row.kind) for row in self.rows for link in row.links if link[0] == trace_id}
        )

    def search(self, query: SearchQuery) -> tuple[list[Summary], int]:
        """One page of traces, and how many match."""
        found = [s for s, rows in self._summaries() if _matches(s, rows, query)]
        sign = 1 if query.order_by in ASCENDING else -1
        ordered = sorted(found, key=lambda s: (sign * s.value(query.order_by), sign * int(s.trace_id, 16)))
        if query.after is not None:
            value, trace_id = query.after
            last = (sign * value, sign * int(trace_id, 16))
            ordered = [
                s
                for s in ordered
                if (sign * s.value(query.order_by), sign * int(s.trace_id, 16)) > last and _settled(s, query.as_of_us)
            ]
        return ordered[: query.limit], min(len(found), COUNTED + 1)

    def details(self, summaries: Sequence[Summary], query: SearchQuery) -> dict[str, Details]:
        """What a page shows of its traces."""
        wanted = {summary.trace_id for summary in summaries}
        return {s.trace_id: _details(rows, query) for s, rows in self._summaries() if s.trace_id in wanted}

    def user_days(self, uid: str, scope: Scope) -> list[tuple[int, int, int]]:
        """Traces and failed traces of a user by day."""
        found, _ = self.search(SearchQuery(scope, uid=uid, limit=len(self.rows) + 1))
        days = Counter(s.start_us // DAY_US * DAY_US for s in found)
        failed = Counter(s.start_us // DAY_US * DAY_US for s in found if s.errors)
        return [(day, days[day], failed[day]) for day in sorted(days, reverse=True)]

    def uids_like(self, prefix: str, limit: int) -> list[str]:
        """Uids with this prefix."""
        return sorted({row.uid for row in self.rows if row.uid and row.uid.startswith(prefix)})[:limit]

    def tags(self, scope: Scope, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """Tag keys, or values of one, over the whole days of the range."""
        days = cut(scope, DAY_US)
        counts: Counter[str] = Counter()
        for row in self.rows:
            if days.from_us <= row.start_us < days.to_us:
                counts.update(
                    value if key else name
                    for name, value in row.tags.items()
                    if len(value.encode()) <= 128 and (not key or name == key)
                )
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [item for item in ranked if item[0].startswith(prefix)][:limit]

    def instances(self, scope: Scope, service: str) -> dict[tuple[str, str, str], tuple[int, int]]:
        """First and last sight of processes, by whole minutes."""
        days = cut(scope, DAY_US)
        seen: dict[tuple[str, str, str], tuple[int, int]] = {}
        for row in self.rows:
            if aggregate.counts(row) and days.from_us <= row.start_us < days.to_us and service in {"", row.service}:
                slot = row.start_us // MINUTE_US * MINUTE_US
                key = (row.service, row.instance, row.version)
                first, last = seen.get(key, (slot, slot))
                seen[key] = (min(first, slot), max(last, slot))
        return seen

    def envs(self, scope: Scope) -> list[str]:
        """Environments."""
        days = cut(scope, DAY_US)
        return sorted(
            {row.env for row in self.rows if row.env and aggregate.counts(row) and aggregate.in_scope(row, _any(days))}
        )

    def figures(self, query: FiguresQuery) -> tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]:
        """Figures by group and slot."""
        slot_us = slot_length(query)
        scope = cut(query.scope, max(slot_us, query.step_us))
        answer: dict[tuple[tuple[str, ...], int], Figures] = {}
        keyed: Iterable[tuple[Row, tuple[str, ...]]] = ((row, _key(row, query.group)) for row in self.rows)
        if query.group == "caller":
            keyed = ((told.row, (told.callee, told.caller)) for told in aggregate.told_edges(self.rows, by_minute))
        for row, key in keyed:
            if not aggregate.counts(row) or not aggregate.in_scope(row, scope) or not _wanted(row, query):
                continue
            start = row.start_us // query.step_us * query.step_us if query.step_us else scope.from_us
            figures = answer.setdefault((key, start), Figures())
            # The roll-ups know a row's time by its slot.
            seen = row.start_us // slot_us * slot_us
            figures.count(row.duration_us or 0, row.weight, error=row.error, start_us=seen)
        if not query.histogram:
            answer = {key: replace(value, hist={}) for key, value in answer.items()}
        return answer, scope, slot_us

    def edges(self, scope: Scope) -> tuple[list[Edge], Scope]:
        """Every pair of the map, by side."""
        scope = cut(scope, edge_slot(scope))
        return aggregate.edges_of(self.rows, lambda row: aggregate.in_scope(row, scope), by_minute), scope

    def taught(self, hosts: Sequence[str], scope: Scope) -> list[tuple[str, str, str]]:
        """What calls to these hosts learnt of their far ends."""
        return sorted(
            {
                (row.tags["server.address"], _origin(row.attrs.get("url.full", "")), row.peer)
                for row in self.rows
                if scope.from_us <= row.start_us <= scope.to_us
                and (row.kind, row.peer_kind) == ("client", "service")
                and row.tags.get("server.address") in hosts
            }
        )

    def errors(self, scope: Scope, service: str, operation: str, limit: int) -> tuple[list[ErrorGroup], bool]:
        """Failures grouped."""
        scope = cut(scope, MINUTE_US)
        groups: dict[tuple[str, str, str], list[Row]] = {}
        for row in self.rows:
            named = service in {"", row.service} and operation in {"", row.name}
            if row.error and aggregate.counts(row) and named and aggregate.in_scope(row, scope):
                groups.setdefault((row.service, row.name, row.error_type), []).append(row)
        found = [_error_group(key, rows) for key, rows in groups.items()]
        found.sort(key=lambda g: (-g.calls, g.service, g.operation, g.error_type))
        return found[:limit], len(found) > limit

    def heatmap(self, query: FiguresQuery, columns: int) -> list[Cell]:
        """Rows by time and duration."""
        scope = query.scope
        step = -(-(scope.to_us - scope.from_us) // columns)
        view = replace(query, view="all") if query.operation else query
        calls: Counter[tuple[int, int]] = Counter()
        failed: Counter[tuple[int, int]] = Counter()
        for row in self.rows:
            if row.duration_us is not None and aggregate.in_scope(row, scope) and _wanted(row, view):
                place = ((row.start_us - scope.from_us) // step, bucket(row.duration_us))
                calls[place] += 1
                failed[place] += row.error
        return [Cell(*place, calls[place], failed[place]) for place in sorted(calls)]

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

    def stored_since(self, since_us: int) -> int:
        """Rows that arrived since then."""
        return sum(row.arrived >= since_us for row in self.rows)

    def _summaries(self) -> list[tuple[Summary, list[Row]]]:
        traces: dict[str, list[Row]] = {}
        for row in self.rows:
            traces.setdefault(row.trace_id, []).append(row)
        return [(_summary(trace_id, rows), rows) for trace_id, rows in traces.items()]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""


def _summary(trace_id: str, rows: list[Row]) -> Summary:
    failed = [row for row in rows if row.error]
    root = min((bool(r.parent_id), r.start_us, r.service, r.name, r.duration_us or 0, r.error) for r in rows)
    deepest = max(
        ((len(r.span_id.split(".")), r.start_us, r.service, r.name, r.error_type) for r in failed),
        default=(0, 0, "", "", ""),
    )
    return Summary(
        trace_id=trace_id,
        start_us=min(row.start_us for row in rows),
        end_us=max(row.start_us + (row.duration_us or 0) for row in rows),
        arrived=max(row.arrived for row in rows),
        spans=len(rows),
        errors=len(failed),
        unfinished=sum(row.duration_us is None for row in rows),
        load_test=any(row.flags & LOAD_TEST for row in rows),
        env=max(row.env for row in rows),
        services=sorted({row.service for row in rows}),
        uids=sorted({row.uid for row in rows if row.uid}),
        root=root,
        failure=deepest,
    )


def _matches(summary: Summary, rows: list[Row], query: SearchQuery) -> bool:
    scope = query.scope
    duration = summary.end_us - summary.start_us
    inside = [row for row in rows if query.service in {"", row.service}]
    return (
        scope.from_us <= summary.start_us < scope.to_us
        and scope.env in {"", summary.env}
        and (scope.load_test == "true" or summary.load_test == (scope.load_test == "only"))
        and (not query.uid or query.uid in summary.uids)
        and (query.min_duration is None or duration >= query.min_duration)
        and (query.max_duration is None or duration <= query.max_duration)
        and (query.min_spans is None or summary.spans >= query.min_spans)
        and (not query.errors or summary.errors > 0)
        and (not query.unfinished or _still_open(rows) > 0)
        and (not query.by_row or any(_row_matches(row, query) for row in rows))
        and meets(inside, query.expression)
    )


def _still_open(rows: list[Row]) -> int:
    finished = {(row.id, row.kind) for row in rows if row.duration_us is not None}
    return len({(row.id, row.kind) for row in rows} - finished)


def _row_matches(row: Row, query: SearchQuery) -> bool:
    """All of the query's conditions on single rows, met by this one."""
    timed = query.min_span_duration is not None or query.max_span_duration is not None
    if timed and row.duration_us is None:
        return False
    duration = row.duration_us or 0
    return (
        query.service in {"", row.service}
        and query.operation in {"", row.name}
        and query.instance in {"", row.instance}
        and query.error_type in {"", row.error_type}
        and (not query.errors or row.error)
        and (query.min_span_duration is None or duration >= query.min_span_duration)
        and (query.max_span_duration is None or duration <= query.max_span_duration)
        and _called(row, query)
    )


def _called(row: Row, query: SearchQuery) -> bool:
    if not query.caller and not query.callee:
        return True
    callee = aggregate.callee_node(row)
    callees = {callee, f"external:{callee}"} if row.kind in CALL_KINDS else {callee}
    named = query.caller in {"", aggregate.caller_node(row)} and (not query.callee or query.callee in callees)
    return row.kind != "local" and named


def _details(rows: list[Row], query: SearchQuery) -> Details:
    counts = Counter(row.service for row in rows)
    failed = Counter(row.service for row in rows if row.error)
    sought = [term for term, _ in terms(query.expression)]
    matched = {
        row.id
        for row in rows
        if (query.by_row and _row_matches(row, query))
        or (query.service in {"", row.service} and any(row_meets(row, term) for term in sought))
    }
    texts = [row for row in rows if row.error and row.error_text]
    deepest = max(texts, key=lambda row: (len(row.span_id.split(".")), row.start_us), default=None)
    first = min(rows, key=lambda row: (bool(row.parent_id), row.start_us))
    return Details(
        services={service: (count, failed[service]) for service, count in counts.items()},
        matched=sorted(matched)[:MATCHED],
        matched_total=len(matched),
        debug=any(row.flags & DEBUG for row in rows),
        weight=max(row.weight for row in rows),
        status=next((first.tags[key] for key in STATUS_KEYS if key in first.tags), ""),
        error_text=deepest.error_text if deepest else "",
        still_open=_still_open(rows),
    )


def _settled(summary: Summary, as_of_us: int) -> bool:
    open_ended = summary.unfinished > 0 or summary.root[0]
    return not (open_ended and summary.arrived > as_of_us - QUIET_US)


def _wanted(row: Row, query: FiguresQuery) -> bool:
    if query.service not in {"", row.service}:
        return False
    if query.group == "caller":
        return row.kind in ENTRY_KINDS
    entry = query.view != "entry" or aggregate.is_entry(row)
    if query.group in {"instance", "zone"}:
        return entry
    client = query.view != "client" or row.kind in CALL_KINDS
    return entry and client and query.operation in {"", row.name} and query.kind in {"", row.kind}


def _key(row: Row, group: str) -> tuple[str, ...]:
    return attrgetter(*GROUPS[group])(row) if len(GROUPS[group]) > 1 and group != "caller" else (row.service,)


def _error_group(key: tuple[str, str, str], rows: list[Row]) -> ErrorGroup:
    newest = max(rows, key=lambda row: (row.start_us, row.trace_id, row.error_text))
    return ErrorGroup(
        *key,
        calls=sum(row.weight for row in rows),
        first_seen_us=min(row.start_us for row in rows),
        last_seen_us=newest.start_us,
        newest_trace_id=newest.trace_id,
        error_text=newest.error_text,
    )


def _any(scope: Scope) -> Scope:
    return replace(scope, env="", load_test="true")
