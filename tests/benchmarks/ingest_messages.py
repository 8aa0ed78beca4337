"""The load of the ingest benchmarks: wire messages of a shop of thirty services."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec

TOPIC = "hopline.spans"
SERVICES, USERS = 30, 50_000
OPERATIONS = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10), (11, 12))
"""Of each service, by kind: 390 in all."""
PER_TRACE, PER_MESSAGE, PARTITIONS = 10, 100, 2
KINDS = (2, 0, 1, 2, 1, 2, 1, 0, 3, 4)


def messages(spans: int, now: int) -> Iterator[tuple[int, bytes]]:
    """(partition, body): one process per message, traces of ten rows, eight tags, 20,000 spans/s in order."""
    source = random.Random(1)
    begin = now - spans * 50
    for number in range(spans // PER_MESSAGE):
        yield number % PARTITIONS, message(source, number, begin + number * PER_MESSAGE * 50)


def message(source: random.Random, number: int, start: int) -> bytes:
    """A hundred rows that start at ``start`` (microseconds) and in the 9 ms after it."""
    service = number % SERVICES
    process = {
        "service": f"service-{service}",
        "instance": f"host-{service}:{number % 4}",
        "zone": f"z{service % 3}",
    }
    rows = []
    for _ in range(PER_MESSAGE // PER_TRACE):
        trace = source.randbytes(16)
        uid = f"u-{source.randrange(USERS)}"
        for position, kind in enumerate(KINDS):
            rows.append(_row(source, (trace, uid), position, kind, start + position * 900))
    return msgspec.msgpack.encode([1, {**process, "env": "prod", "version": "1.4"}, rows])


def _row(source: random.Random, whose: tuple[bytes, str], position: int, kind: int, start: int) -> list[Any]:
    trace, uid = whose
    failed = source.random() < 0.005
    peer = {1: ("shop", "db"), 3: ("mail", "mq"), 4: ("mail", "mq")}.get(kind, ("", ""))
    tags = {
        "http.request.method": "GET",
        "http.response.status_code": "500" if failed else "200",
        "server.address": f"h{source.randrange(200)}",
        "server.port": "8080",
        "network.protocol.version": "1.1",
        "user_agent.original": "shop/1.0",
        "customer": str(source.randrange(20_000)),
        "url.scheme": "http",
    }
    return [
        trace,
        "0" if not position else f"0.{position}",
        source.getrandbits(63) + 1,
        0 if not position else source.getrandbits(63) + 1,
        kind,
        f"operation-{source.choice(OPERATIONS[kind])}",
        start,
        int(source.lognormvariate(9, 1.5)),
        tags,
        9 if not position else 0,
        9 if failed else 1,
        uid if kind == 2 else "",
        ["service-1", "h:1", "z1", "GET /"] if kind == 2 and position else None,
        *peer,
        1_000,
        "Timeout" if failed else "",
    ]
