"""Calls of which no single row tells both ends, paired by the id that both sides know.

Rows of other tracers carry no caller fields, a client of ours may have called a service
that did not name itself, and a server of ours may have been called by a stranger. The rule
is that of the store's view ``call_pairs`` (docs/schema.md, Pairing).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from hopline.model import Row

SHARED = "zipkin.shared"
"""Attr that marks a server row which carries its client's id."""

STORES = frozenset({"db", "mq", "cache"})
"""Peers that never answer with rows of their own."""


MINUTE_US = 60_000_000
GUEST_US = 6_000_000
"""A row this near to the edge of its minute meets the rows beyond it too."""

Place = tuple[int, bool]
Meeting = Callable[[Row], Iterable[Place]]
"""Buckets in which a row meets its other side, and whether it counts there: in one it does, elsewhere it is a guest."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One counted side of a call with the names of both ends; ``zone`` is the caller's, where it is known."""

    row: Row
    caller: str
    callee: str
    zone: str = ""


@dataclass(slots=True)
class _Call:
    """Everything that names one id: who has it, and who was called by it."""

    callers: list[tuple[str, str]] = field(default_factory=list)
    clients: list[tuple[str, str]] = field(default_factory=list)
    servers: list[tuple[str, str]] = field(default_factory=list)
    callees: list[str] = field(default_factory=list)
    shared_callees: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    """Services of clients that name the call as their parent."""
    told: list[tuple[Row, bool]] = field(default_factory=list)
    """Rows that tell of the call in their own bucket, and whether they were called."""


def is_foreign(row: Row) -> bool:
    """True for a row of a tracer that makes no paths."""
    return not row.span_id


def is_shared(row: Row) -> bool:
    """True for a server row that carries its client's id."""
    return is_foreign(row) and row.kind == "server" and SHARED in row.attrs


def is_paired(row: Row) -> bool:
    """True for a row that makes an edge only together with its other side."""
    if row.kind == "client":
        return row.peer_kind not in STORES if is_foreign(row) else row.peer_kind == ""
    return is_foreign(row) and row.kind == "server" and (bool(row.parent_id) or is_shared(row))


def anywhere(_row: Row) -> Iterable[Place]:
    """Rows of one trace meet however far apart their clocks are."""
    return ((0, True),)


def by_minute(row: Row) -> Iterable[Place]:
    """Rows meet by the minute of their start, as in the store, which cannot hold whole traces against each other."""
    minute, rest = divmod(row.start_us, MINUTE_US)
    yield minute, True
    if rest < GUEST_US and minute:
        yield minute - 1, False
    elif rest >= MINUTE_US - GUEST_US:
        yield minute + 1, False


def pairs(rows: Iterable[Row], meeting: Meeting = anywhere) -> Iterator[Pair]:
    """Counted sides of calls whose both ends are known; unfinished rows and guests only lend their names."""
    return (pair for pair in sides(rows, meeting) if pair.row.duration_us is not None and pair.caller and pair.callee)


def sides(rows: Iterable[Row], meeting: Meeting = anywhere) -> Iterator[Pair]:
    """Every side of such a call, finished or not; an end that nobody tells is empty."""
    calls: dict[tuple[int, str, str], _Call] = {}
    for row in rows:
        sides = list(_sides(row))
        above = _above(row)
        for bucket, own in meeting(row) if sides or above else ():
            if above:
                calls.setdefault((bucket, row.trace_id, above), _Call()).below.append(row.service)
            for key, callee in sides:
                call = calls.setdefault((bucket, row.trace_id, key), _Call())
                _name(call, row, callee=callee)
                if own and (callee or row.kind == "client"):
                    call.told.append((row, callee))
    for call in calls.values():
        for row, callee in call.told:
            yield _pair(call, row, callee=callee)


def _sides(row: Row) -> Iterator[tuple[str, bool]]:
    """``(id of the call, was it called)`` of a row that takes part."""
    foreign = is_foreign(row)
    if foreign:
        if row.kind not in {"client", "server", "local"}:
            return
        calls = row.kind != "client" or row.peer_kind not in STORES
    else:
        unnamed = row.kind == "server" and row.parent_id and not row.caller_service
        if not (unnamed or (row.kind == "client" and row.peer_kind == "")):
            return
        calls = row.kind == "client"
    if calls:
        yield row.id, False
    if row.kind == "server" and (is_shared(row) or row.parent_id):
        yield (row.id if is_shared(row) else row.parent_id or ""), True


def _above(row: Row) -> str:
    """The call that a client of another tracer was made in: that of another service called it."""
    return row.parent_id or "" if is_foreign(row) and row.kind == "client" else ""


def _name(call: _Call, row: Row, *, callee: bool) -> None:
    place = (row.service, row.zone)
    if callee:
        call.callees.append(row.service)
        if is_shared(row):
            call.shared_callees.append(row.service)
    else:
        call.callers.append(place)
        if row.kind == "client":
            call.clients.append(place)
        if row.kind == "server":
            call.servers.append(place)


def _pair(call: _Call, row: Row, *, callee: bool) -> Pair:
    if callee:
        known = call.clients if is_shared(row) else call.servers or call.callers
        service, zone = min(known, default=("", ""))
        return Pair(row, service or row.caller_service, row.service, zone)
    named = call.shared_callees if call.servers else call.callees
    told = f"external:{row.peer}" if row.peer_kind == "external" and row.peer else row.peer
    beyond = min((service for service in call.below if service != row.service), default="")
    return Pair(row, row.service, min(named, default="") or beyond or told)
