"""Wire messages for the collector's tests."""

import random
from typing import Any

import msgspec

KINDS = ("local", "client", "server", "producer", "consumer")
NOW = 1_763_800_010_000_000


def wire_row(number: int = 1, **changes: Any) -> list[Any]:
    """A row array of `docs/wire.md`, every position filled; `changes` by field name."""
    fields: dict[str, Any] = {
        "trace_id": number.to_bytes(16, "big"),
        "span_id": "0.1",
        "id": number,
        "parent_id": 0,
        "kind": 2,
        "name": "GET /orders/{id}",
        "start_us": NOW - 1_000_000,
        "duration_us": 48_210,
        "tags": {"http.request.method": "GET"},
        "children": 0,
        "flags": 1,
        "uid": "u-1",
        "caller": ["gateway", "h0:1", "z1", "POST /checkout"],
        "peer": "",
        "peer_kind": "",
        "weight": 1_000,
        "error_type": "",
        "error_text": "",
        "annotations": [],
        "attrs": {},
        "links": [],
        "attempt": 0,
    }
    unknown = set(changes) - set(fields)
    assert not unknown, unknown
    return list({**fields, **changes}.values())


PROCESS = {"service": "orders", "instance": "h1:7", "host": "h1", "zone": "z2", "env": "prod", "version": "1.0"}


def wire_message(*rows: list[Any], process: dict[str, str] | None = None, report: Any = None) -> bytes:
    """A message of version 1."""
    message: list[Any] = [1, PROCESS if process is None else process, list(rows)]
    return msgspec.msgpack.encode([*message, report] if report is not None else message)


def random_row(source: random.Random, *, now: int = NOW) -> list[Any]:
    """A row as a shop under load would send it."""
    kind = source.choice((0, 1, 1, 2, 2, 3, 4))
    trace = source.getrandbits(20).to_bytes(16, "big")
    failed = source.random() < 0.1
    peers = {1: ("shop", source.choice(("db", "cache", "service"))), 3: ("mail", "mq"), 4: ("mail", "mq")}
    peer, peer_kind = peers.get(kind, ("", ""))
    caller = [source.choice(("gateway", "web")), "h0:1", source.choice(("z1", "z2")), "GET /"]
    return wire_row(
        1 + source.getrandbits(60),
        trace_id=trace,
        kind=kind,
        parent_id=source.choice((0, source.getrandbits(60))),
        name=source.choice(("a", "b", "c")),
        start_us=now - source.randrange(120_000_000),
        duration_us=None if source.random() < 0.05 else int(source.lognormvariate(9, 2)),
        flags=1 | (8 if failed else 0) | (4 if source.random() < 0.05 else 0),
        uid=source.choice(("", "u-1", "u-2")),
        caller=caller if kind == 2 and source.random() < 0.7 else None,
        peer=peer,
        peer_kind=peer_kind,
        weight=source.choice((1_000, 1_000, 2_500)),
        error_type="Timeout" if failed else "",
    )
