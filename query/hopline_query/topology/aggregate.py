"""Figures straight from rows, by the very definitions of the store's views.

The recount that the roll-ups must equal (D5), and the map of a single trace.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from hopline.model import CALL_KINDS, ENTRY_KINDS, LOAD_TEST, Row
from hopline_query.latency.figures import Figures
from hopline_query.store.port import Edge, Scope
from hopline_query.topology.messages import is_message, messages
from hopline_query.topology.pairing import Meeting, Pair, anywhere, is_paired, pairs, sides

K = TypeVar("K")

USER = "USER"
"""The node before entry services."""

VIRTUAL = ("db", "mq", "cache", "external")
"""Peer kinds that become nodes of their own, ``kind:name``."""


def counts(row: Row) -> bool:
    """True for a row that enters figures: a finished one."""
    return row.duration_us is not None


def is_call(row: Row) -> bool:
    """True for a row that enters the figures of edges: a finished one, or a message that another tracer told of."""
    return counts(row) or is_message(row)


def is_entry(row: Row) -> bool:
    """True where work enters a process: server, consumer, or no parent (L3)."""
    return row.kind in ENTRY_KINDS or not row.parent_id


def in_scope(row: Row, scope: Scope) -> bool:
    """True for a row inside range, environment and load-test choice."""
    loaded = bool(row.flags & LOAD_TEST)
    wanted = scope.load_test == "true" or loaded == (scope.load_test == "only")
    return wanted and scope.from_us <= row.start_us < scope.to_us and scope.env in {"", row.env}


def edge_of(row: Row) -> tuple[str, str] | None:
    """Caller and callee that a row alone tells of; None where an end is unknown, so no edge is invented (D3)."""
    caller, callee = caller_node(row), callee_node(row)
    return (caller, callee) if caller and callee and row.kind != "local" and not is_paired(row) else None


def told_edges(rows: Iterable[Row], meeting: Meeting = anywhere) -> Iterator[Pair]:
    """Every row that tells of a call, with both its ends: alone, or paired with its other side.

    ``meeting`` tells which rows can be the two sides of a call (:mod:`hopline_query.topology.pairing`).
    """
    known = list(rows)
    for row in known:
        edge = edge_of(row)
        if edge is not None and counts(row) and not is_message(row):
            yield Pair(row, *edge, row.caller_zone)
    yield from messages(known, meeting)
    yield from pairs(known, meeting)


def told_ends(rows: Iterable[Row], meeting: Meeting = anywhere) -> Iterator[Pair]:
    """Every row of a call, finished or not, with the ends that are known of it; empty for one that is not."""
    known = list(rows)
    paired = {id(pair.row): pair for pair in sides(known, meeting)}
    for row in known:
        if row.kind != "local":
            yield paired.get(id(row)) or Pair(row, caller_node(row), callee_node(row))


def caller_node(row: Row) -> str:
    """Node key of who calls."""
    if row.kind in CALL_KINDS:
        return row.service
    if row.kind == "consumer" and row.peer:
        return f"mq:{row.peer}"
    if row.caller_service:
        return row.caller_service
    return USER if row.kind == "server" and not row.parent_id else ""


def callee_node(row: Row) -> str:
    """Node key of who is called."""
    if row.kind in ENTRY_KINDS:
        return row.service
    if not row.peer:
        return ""
    if row.kind == "producer":
        return f"mq:{row.peer}"
    return f"{row.peer_kind}:{row.peer}" if row.peer_kind in VIRTUAL else row.peer


def group_rows(rows: Iterable[Row], key: Callable[[Row], K]) -> dict[K, Figures]:
    """Figures of finished rows by ``key``."""
    found: dict[K, Figures] = {}
    for row in rows:
        if row.duration_us is not None:
            figures = found.setdefault(key(row), Figures())
            figures.count(
                row.duration_us, row.weight, error=row.error, start_us=row.start_us, status_4xx=answered_4xx(row)
            )
    return found


def answered_4xx(row: Row) -> bool:
    """True for a call that was answered with an HTTP status of 400 to 499."""
    status = row.tags.get("http.response.status_code") or row.tags.get("http.status_code", "")
    return len(status) == 3 and status.startswith("4")


def edges_of(
    rows: Iterable[Row], keep: Callable[[Row], bool] = lambda _: True, meeting: Meeting = anywhere
) -> list[Edge]:
    """The edges that rows tell of, by pair and side, in order.

    ``keep`` chooses the rows that count; the others still lend their names to the other end.
    """
    found: dict[tuple[str, str, str], Edge] = {}
    for told in told_edges(rows, meeting):
        row = told.row
        if not keep(row):
            continue
        key = (told.caller, told.callee, row.kind)
        edge = found.setdefault(key, Edge(*key, Figures(status_4xx=None)))
        edge.figures.count(row.duration_us, row.weight, error=row.error, start_us=row.start_us)
        if told.zone and row.zone and told.zone != row.zone:
            edge.cross_zone += row.weight
    for edge in found.values():
        # The roll-ups of edges do not tell which of the quick calls failed.
        edge.figures.failed = {}
    return [found[key] for key in sorted(found)]
