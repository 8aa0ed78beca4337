"""The figures of the twin in memory, counted from rows: the recount that the roll-ups must equal (D5)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from urllib.parse import urlsplit

from hopline.model import CALL_KINDS, ENTRY_KINDS, Row
from hopline_query.latency.figures import PLACED, Figures, bucket, places
from hopline_query.store.planner import (
    BY_MINUTE,
    MINUTE_US,
    TEN_SECONDS_US,
    cut,
    edge_slot,
    slot_length,
    whole_services,
)
from hopline_query.store.port import (
    EDGES,
    GROUPS,
    KEYS,
    RECEIVED,
    Cell,
    Edge,
    EdgesQuery,
    ErrorGroup,
    FiguresQuery,
    Scope,
)
from hopline_query.topology import aggregate
from hopline_query.topology.pairing import by_minute

Answer = tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]


def figures(rows: Sequence[Row], query: FiguresQuery) -> tuple[dict[tuple[tuple[str, ...], int], Figures], Scope, int]:
    """Figures by group and slot."""
    slot_us = slot_length(query)
    scope = cut(query.scope, max(slot_us, query.step_us))
    answer: dict[tuple[tuple[str, ...], int], Figures] = {}
    keyed: Iterable[tuple[Row, tuple[str, ...]]] = ((row, _key(row, query.group)) for row in rows)
    if query.group in EDGES:
        told_edges = aggregate.told_edges(rows, by_minute)
        parts = len(KEYS[query.group])
        keyed = ((told.row, (told.callee, told.caller, told.row.kind)[:parts]) for told in told_edges)
    for row, key in keyed:
        counted = aggregate.is_call(row) if query.group in EDGES else aggregate.counts(row)
        if not counted or not aggregate.in_scope(row, scope) or not _wanted(row, key, query):
            continue
        start = row.start_us // query.step_us * query.step_us if query.step_us else scope.from_us
        figures = answer.setdefault((key, start), Figures(status_4xx=None if query.group in EDGES else 0))
        # The roll-ups know a row's time by its slot.
        width = TEN_SECONDS_US if whole_services(query) else MINUTE_US if query.group in BY_MINUTE else slot_us
        seen = row.start_us // width * width
        refused = aggregate.answered_4xx(row)
        figures.count(row.duration_us, row.weight, error=row.error, start_us=seen, status_4xx=refused)
        figures.first_seen_us = min(seen, figures.first_seen_us or seen)
    for (key, _), figures in answer.items():
        if query.placed:
            figures.placed = tuple(places(figures.hist, PLACED))
            figures.hist = {}
        if not query.histogram or (query.group == "entry" and key[1] == "0"):
            figures.hist = {}
        if not figures.hist or query.group in EDGES:
            figures.failed = {}
    return answer, scope, slot_us


def edges(rows: Sequence[Row], query: EdgesQuery) -> tuple[list[Edge], Scope]:
    """Every pair of the map, by side."""
    found, scope = _edges(rows, query.scope)
    found = [edge for edge in found if not query.callees or edge.callee in query.callees]
    for edge in found:
        if not query.times:
            edge.figures.hist = {}
        elif not query.callees and not {":", "."} & set(edge.callee):
            edge.figures.placed = tuple(places(edge.figures.hist, PLACED))
            edge.figures.hist = {}
    return found, scope


def told_by_callers(rows: Sequence[Row], scope: Scope) -> tuple[list[Edge], Scope]:
    """What callers told of each callee."""
    told, scope = _edges(rows, scope)
    found: dict[tuple[str, str], Edge] = {}
    for edge in told:
        if edge.side not in RECEIVED:
            whole = found.setdefault(
                (edge.callee, edge.side), Edge("", edge.callee, edge.side, Figures(status_4xx=None))
            )
            whole.figures.calls += edge.figures.calls
            whole.figures.errors += edge.figures.errors
            whole.figures.rows += edge.figures.rows
    return [found[key] for key in sorted(found)], scope


def _edges(rows: Sequence[Row], scope: Scope) -> tuple[list[Edge], Scope]:
    scope = cut(scope, edge_slot(scope))
    return aggregate.edges_of(rows, lambda row: aggregate.in_scope(row, scope), by_minute), scope


def taught(rows: Sequence[Row], hosts: Sequence[str], scope: Scope) -> list[tuple[str, str, str]]:
    """What calls to these hosts learnt of their far ends."""
    return sorted(
        {
            (row.tags["server.address"], _origin(row.attrs.get("url.full", "")), row.peer)
            for row in rows
            if scope.from_us <= row.start_us <= scope.to_us
            and (row.kind, row.peer_kind) == ("client", "service")
            and row.tags.get("server.address") in hosts
        }
    )


def errors(
    rows: Sequence[Row], scope: Scope, service: str, operation: str, limit: int
) -> tuple[list[ErrorGroup], bool]:
    """Failures grouped."""
    scope = cut(scope, MINUTE_US)
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        named = service in {"", row.service} and operation in {"", row.name}
        if row.error and aggregate.counts(row) and named and aggregate.in_scope(row, scope):
            groups.setdefault((row.service, row.name, row.error_type), []).append(row)
    found = [_error_group(key, rows) for key, rows in groups.items()]
    found.sort(key=lambda g: (-g.calls, g.service, g.operation, g.error_type))
    return found[:limit], len(found) > limit


def heatmap(rows: Sequence[Row], query: FiguresQuery, columns: int) -> list[Cell]:
    """Rows by time and duration."""
    scope = query.scope
    step = -(-(scope.to_us - scope.from_us) // columns)
    calls: Counter[tuple[int, int]] = Counter()
    failed: Counter[tuple[int, int]] = Counter()
    for row in rows:
        if row.duration_us is not None and aggregate.in_scope(row, scope) and _wanted(row, (), query):
            place = ((row.start_us - scope.from_us) // step, bucket(row.duration_us))
            calls[place] += 1
            failed[place] += row.error
    return [Cell(*place, calls[place], failed[place]) for place in sorted(calls)]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""


def _wanted(row: Row, key: tuple[str, ...], query: FiguresQuery) -> bool:
    if query.group == "side":
        return query.service in {"", key[0]} and query.caller in {"", key[1]}
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
    if group == "entry":
        return row.service, str(int(aggregate.is_entry(row)))
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
