"""A recount of the map by plain Python: every edge of rows that tell both ends or only one."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from support.oracle import Row

BUCKET = 60
GUESTS = 6

Edges = dict[tuple[Any, ...], list[Any]]


def recount(rows: list[Row], slot_seconds: int = 60) -> Edges:
    """(slot, caller, callee, side, env, load_test) -> calls, errors, rows, durations, cross zone, histogram."""
    found: Edges = defaultdict(lambda: [0, 0, 0, 0, 0, 0, Counter()])
    for row, caller, callee, crossed in told_calls(rows):
        timed = not row["unfinished"]
        slot = row["start_us"] // 1_000_000 // slot_seconds * slot_seconds
        figures = found[slot, caller, callee, row["kind"], row["env"], int(bool(row["flags"] & 4))]
        weight, duration = row["weight"], row["duration_us"]
        figures[0] += weight
        figures[1] += weight * row["error"]
        figures[2] += 1
        figures[3] += weight * duration
        figures[4] = max(figures[4], duration)
        figures[5] += weight * crossed
        if timed:
            figures[6][math.floor(math.log(max(duration, 1)) / math.log(1.04))] += weight
    return {key: [*value[:6], dict(value[6])] for key, value in found.items()}


def told_calls(rows: list[Row]) -> Iterator[tuple[Row, str, str, bool]]:
    """Every row that counts as a call, with its caller, its callee, and whether zones were crossed."""
    traces = defaultdict(list)
    for row in rows:
        traces[row["trace_id"]].append(row)
    for row in _told_once(rows):
        caller, callee, crossed = _ends(row, [other for other in traces[row["trace_id"]] if _meet(row, other)])
        if (not row["unfinished"] or _passing(row)) and caller and callee:
            yield row, caller, callee, crossed


def _told_once(rows: list[Row]) -> list[Row]:
    """The rows with one for each message of another tracer: a finished one of its minute, else the earliest."""
    others = [row for row in rows if not _passing(row)]
    messages: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in filter(_passing, rows):
        identity = (row[name] for name in ("trace_id", "id", "kind", "service", "instance"))
        messages[row["start_us"] // 1_000_000 // BUCKET, *identity].append(row)
    once = [_of_copies(found) for found in messages.values()]
    return others + once


def _of_copies(found: list[Row]) -> Row:
    chosen = min(found, key=lambda row: (row["unfinished"], row["start_us"]))
    return chosen | {"peer": max(row["peer"] for row in found)}


def _passing(row: Row) -> bool:
    """A message of another tracer, told as it passes: a call whose time is not known."""
    return bool(row["foreign"]) and row["kind"] in {"producer", "consumer"}


def _meet(row: Row, other: Row) -> bool:
    """Whether `other` is near enough to be the other side: in the same bucket, or a guest in it."""
    mine, theirs = row["start_us"] // 1_000_000, other["start_us"] // 1_000_000
    if mine // BUCKET == theirs // BUCKET:
        return True
    first, second = min(mine, theirs), max(mine, theirs)
    adjacent = second // BUCKET - first // BUCKET == 1
    # A guest comes into the other's bucket: that one alone has to be near the edge.
    return adjacent and (theirs % BUCKET >= BUCKET - GUESTS if theirs < mine else theirs % BUCKET < GUESTS)


def _ends(row: Row, near: list[Row]) -> tuple[str, str, bool]:
    kind, service = row["kind"], row["service"]
    if kind == "producer":
        return service, row["peer"] and f"mq:{row['peer']}", _crossed(row, row["caller_zone"])
    if kind == "consumer":
        caller = f"mq:{row['peer']}" if row["peer"] else row["caller_service"]
        return caller, service, _crossed(row, row["caller_zone"])
    if kind == "client":
        if _unpaired_client(row):
            return service, _called(row, near), False
        return service, _told(row), _crossed(row, row["caller_zone"])
    if kind == "server":
        if _unpaired_server(row):
            caller, zone = _caller(row, near)
            return caller or row["caller_service"], service, _crossed(row, zone) if caller else False
        root = "" if row["parent_id"] else "USER"
        return row["caller_service"] or root, service, _crossed(row, row["caller_zone"])
    return "", "", False


def _crossed(row: Row, zone: str) -> bool:
    return bool(zone and row["zone"] and zone != row["zone"])


def _told(row: Row) -> str:
    peer, kind = row["peer"], row["peer_kind"]
    return f"{kind}:{peer}" if peer and kind in {"db", "mq", "cache", "external"} else peer


def _shared(row: Row) -> bool:
    return bool(row["foreign"] and row["kind"] == "server" and "zipkin.shared" in row["attrs"])


def _unpaired_client(row: Row) -> bool:
    return row["peer_kind"] not in {"db", "mq", "cache"} if row["foreign"] else row["peer_kind"] == ""


def _unpaired_server(row: Row) -> bool:
    if row["foreign"]:
        return bool(row["parent_id"]) or _shared(row)
    return bool(row["parent_id"]) and not row["caller_service"]


def _may_call(row: Row) -> bool:
    if row["kind"] == "client":
        return _unpaired_client(row)
    return bool(row["foreign"]) and row["kind"] in {"server", "local"}


def _callers(call: int, near: list[Row]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in near:
        if row["id"] == call and _may_call(row):
            found[row["kind"]].append((row["service"], row["zone"]))
    return found


def _caller(row: Row, near: list[Row]) -> tuple[str, str]:
    if _shared(row):
        return min(_callers(row["id"], near)["client"], default=("", ""))
    found = _callers(row["parent_id"], near)
    return min(found["server"] or found["client"] + found["local"], default=("", ""))


def _called(row: Row, near: list[Row]) -> str:
    servers = [r for r in near if r["kind"] == "server" and _unpaired_server(r)]
    answers = [r["service"] for r in servers if _shared(r) and r["id"] == row["id"]]
    if not _callers(row["id"], near)["server"]:
        answers += [r["service"] for r in servers if not _shared(r) and r["parent_id"] == row["id"]]
    return min(answers, default="") or _beyond(row, near) or _told(row)


def _beyond(row: Row, near: list[Row]) -> str:
    """The other service whose client says that this client called it: the server between them does not report."""
    below = (r for r in near if r["foreign"] and r["kind"] == "client" and r["parent_id"])
    return min(
        (r["service"] for r in below if r["parent_id"] == row["id"] != 0 and r["service"] != row["service"]), default=""
    )
