"""Traces of calls by outline, and random ones: what the "why" questions are asked of in tests."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hopline.model import Row

START = 1_763_800_000_000_000


@dataclass
class Call:
    """One call to make rows of: ``at`` and ``took`` in microseconds from the trace's start."""

    service: str
    name: str
    at: int
    took: int
    calls: "Sequence[Call]" = ()
    sides: str = "both"
    """``both``, ``client``, ``server``, ``local``, ``producer``, ``consumer``."""
    failed: str = ""
    """Error type; empty: it did not fail."""
    text: str = ""
    out: int = 0
    """Network time before the callee's bar, and as much after it."""
    peer_kind: str = "service"
    tags: dict[str, str] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)


def rows_of(root: Call, number: int, start: int = START) -> list[Row]:
    """The rows of one trace; ``root`` has no caller's side."""
    trace = f"{6921:08x}{number:024x}"
    rows: list[Row] = []
    ids = (f"{n:016x}" for n in range(1, 1 << 20))
    stack: list[tuple[Call, str, str | None, str]] = [(root, "0", None, "")]
    while stack:
        call, path, parent, caller = stack.pop()
        shared = {"trace_id": trace, "span_id": path, "error": bool(call.failed), "error_type": call.failed}
        shared |= {"error_text": call.text}
        if call.sides in {"both", "client", "producer"} and parent is not None:
            kind = "producer" if call.sides == "producer" else "client"
            own = {"service": caller, "name": call.name, "peer": call.service, "peer_kind": call.peer_kind}
            tags = call.tags if call.sides != "both" else {}
            parent_id, parent = parent, next(ids)
            times = {"start_us": start + call.at, "duration_us": call.took}
            rows.append(Row(kind=kind, id=parent, parent_id=parent_id, tags=tags, **shared, **own, **times))
        if call.sides not in {"client", "producer"}:
            kind = {"both": "server"}.get(call.sides, call.sides)
            times = {"start_us": start + call.at + call.out, "duration_us": call.took - 2 * call.out}
            own = {"service": call.service, "name": call.name, "caller_service": caller, "tags": call.tags} | call.more
            parent_id, parent = parent, next(ids)
            rows.append(Row(kind=kind, id=parent, parent_id=parent_id, **shared, **own, **times))
        inside = caller if call.sides in {"client", "producer"} else call.service
        for place, below in enumerate(call.calls, 1):
            stack.append((below, f"{path}.{place}", parent, inside))
    return rows


def random_call(chance: random.Random, depth: int = 0, begin: int = 0, end: int = 1_000) -> Call:
    """A call within a window with random calls below it, parallel ones, late ones and failures among them."""
    service, name = chance.choice("abcd"), chance.choice("xy")
    calls = []
    if depth < 4:
        for _ in range(chance.choice((0, 1, 2, 3))):
            low = chance.randint(begin, max(begin, end - 1))
            calls.append(random_call(chance, depth + 1, low, chance.randint(low, end)))
    late = chance.choice((0, 0, 0, 40))
    sides = chance.choice(("both", "both", "server", "local", "client" if not calls else "both")) if depth else "server"
    return Call(
        service,
        name,
        begin,
        end - begin + late,
        calls,
        sides,
        failed=chance.choice(("", "", "Timeout", "Deadlock")),
        text=chance.choice(("", "lock 17 on 'orders'", "lock 18 on 'users'")),
        tags={"tenant": chance.choice("123")},
        more={"uid": chance.choice(("", "u1", "u2")), "version": chance.choice(("", "1", "2"))},
    )


def straight_call(source: random.Random, begin: int, end: int, depth: int = 0) -> Call:
    """A call within a window that does one thing after the other, calls that take no time among them."""
    cuts = sorted(source.randint(begin, end) for _ in range(source.choice((0, 2, 4)) if depth < 4 else 0))
    calls = [straight_call(source, *pair, depth + 1) for pair in zip(cuts[::2], cuts[1::2], strict=True)]
    free = min(cuts[0] - begin, end - cuts[-1]) if cuts else (end - begin) // 2
    sides = source.choice(("both", "both", "both", "server", "local", "producer", "client"))
    sides = "server" if depth == 0 else "both" if calls and sides == "client" else sides
    if sides == "producer":
        calls = [Call("c", "x", end, source.randint(0, 300), calls, "consumer")]
    out = source.choice((0, free)) if sides == "both" else 0
    return Call(source.choice("abc"), source.choice(("x", "y", "")), begin, end - begin, calls, sides, out=out)


def random_traces(seed: int, count: int) -> Iterator[list[Row]]:
    """Rows of ``count`` random traces, a millisecond apart."""
    chance = random.Random(seed)
    for number in range(1, count + 1):
        yield rows_of(random_call(chance), number, START + number * 1_000)
