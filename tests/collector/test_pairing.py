"""The map's edges where no single row tells both ends: equal to a recount, in any order of arrival."""

import random
from functools import cache, partial
from typing import Any

import pytest

from hopline_collector.block.core import INGEST_COLUMNS, Message, build_block
from hopline_collector.chores.pairing import settle
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.writer import ClickHouseWriter
from support.call_oracle import Edges, recount
from support.oracle import Row, rows_of
from support.wire_rows import NOW, wire_message, wire_row

EDGE = NOW // 60_000_000 * 60_000_000
"""A bucket begins here."""
LATER = NOW + 3_600_000_000

CLIENT, SERVER, LOCAL, PRODUCER, CONSUMER = 1, 2, 0, 3, 4


def span(number: int, parent: int, kind: int, service: str, *, foreign: bool = True, **changes: Any) -> bytes:
    """A message with one row."""
    process = {"service": service, "zone": changes.pop("zone", "z1"), "env": changes.pop("env", "prod")}
    if foreign:
        process["foreign"] = "1"
    shape = {
        "trace_id": b"\x01" * 16,
        "parent_id": parent,
        "kind": kind,
        "caller": None,
        "start_us": EDGE + 30_000_000,
    }
    return wire_message(wire_row(number, **(shape | changes)), process=process)


def store(engine: ClickHouse, bodies: list[bytes], block: int) -> None:
    messages = [Message(number, "native", body) for number, body in enumerate(bodies)]
    made = build_block(messages, Plan(0, len(messages), NOW))
    identity = ("trace_id", "id", "kind", "service", "instance")
    assert made.rows == len({tuple(row[name] for name in identity) for row in map(row_of, bodies)})
    ClickHouseWriter(engine).write(made, f"block-{block}")


def edges(engine: ClickHouse, slot_seconds: int = 60) -> Edges:
    """What the map would show of everything."""
    table = "all_edges_1m" if slot_seconds == 60 else "all_edges_1h"
    with engine.reader() as handle:
        answer = handle.query(
            "SELECT toUnixTimestamp(slot), toString(caller), toString(callee), toString(side), toString(env),"
            " load_test, sum(e.calls), sum(e.errors), sum(e.rows), sum(e.duration_sum), max(e.duration_max),"
            f" sum(e.cross_zone), sumMap(e.hist) FROM {engine.database}.{table} AS e GROUP BY 1, 2, 3, 4, 5, 6"
        ).result_rows
    return {tuple(row[:6]): [*row[6:12], dict(row[12])] for row in answer}


def names(found: Edges) -> set[tuple[str, str, str]]:
    return {(caller, callee, side) for _, caller, callee, side, _, _ in found}


@cache
def row_of(body: bytes) -> Row:
    (row,) = rows_of([body], NOW)
    return row


def check(engine: ClickHouse, bodies: list[bytes]) -> Edges:
    rows = list(map(row_of, bodies))
    for seconds in (60, 3_600):
        assert edges(engine, seconds) == recount(rows, seconds)
    return edges(engine)


def test_an_otel_call_is_paired_by_parent(engine: ClickHouse) -> None:
    """D1: the server row whose parent is the client row, on both sides of the edge."""
    bodies = [span(1, 0, CLIENT, "web", peer="h2:80"), span(2, 1, SERVER, "users", zone="z2")]
    store(engine, bodies, 1)
    found = check(engine, bodies)
    assert names(found) == {("web", "users", "client"), ("web", "users", "server")}
    assert [value[5] for key, value in found.items() if key[3] == "server"] == [1_000]


def test_shared_zipkin_halves_are_paired_by_id(engine: ClickHouse) -> None:
    """D1: the server half carries the client's id; what it calls follows the server half."""
    shared = {"attrs": {"zipkin.shared": "true"}}
    bodies = [
        span(1, 9, CLIENT, "web", peer="users", peer_kind="service"),
        span(1, 9, SERVER, "users", **shared),
        span(2, 1, SERVER, "mail"),
    ]
    store(engine, bodies, 1)
    assert names(check(engine, bodies)) == {
        ("web", "users", "client"),
        ("web", "users", "server"),
        ("users", "mail", "server"),
    }


def test_what_has_no_other_side_is_told_by_the_row_itself(engine: ClickHouse) -> None:
    """D3: a client names its peer, a server its caller; where neither is told there is no edge."""
    bodies = [
        span(1, 0, CLIENT, "web", peer="h2:80"),
        span(2, 0, CLIENT, "web", peer="bank", peer_kind="external"),
        span(3, 0, CLIENT, "web", peer="shop", peer_kind="db"),
        span(4, 77, SERVER, "users", caller=["gateway", "", "", ""]),
        span(5, 78, SERVER, "orders"),
        span(6, 0, SERVER, "entry"),
        span(7, 0, CLIENT, "web"),
        span(8, 6, CLIENT, "web", duration_us=None, peer="x"),
    ]
    store(engine, bodies, 1)
    assert names(check(engine, bodies)) == {
        ("web", "h2:80", "client"),
        ("web", "external:bank", "client"),
        ("web", "db:shop", "client"),
        ("gateway", "users", "server"),
        ("USER", "entry", "server"),
    }


def test_our_rows_and_those_of_others_meet(engine: ClickHouse) -> None:
    """D1: a client of ours called another tracer's service, and the other way round."""
    bodies = [
        span(1, 0, CLIENT, "ours", foreign=False, peer="h2:80"),
        span(2, 1, SERVER, "theirs"),
        span(3, 2, CLIENT, "theirs", peer="h3:80"),
        span(4, 3, SERVER, "ours", foreign=False),
    ]
    store(engine, bodies, 1)
    assert names(check(engine, bodies)) == {
        ("ours", "theirs", "client"),
        ("ours", "theirs", "server"),
        ("theirs", "ours", "client"),
        ("theirs", "ours", "server"),
    }


def test_an_unfinished_caller_gives_its_name_but_no_figure(engine: ClickHouse) -> None:
    """D1: the server side counts while the client is still waiting."""
    bodies = [span(1, 0, CLIENT, "web", duration_us=None), span(2, 1, SERVER, "users")]
    store(engine, bodies, 1)
    assert names(check(engine, bodies)) == {("web", "users", "server")}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("ours", [True, False])
def test_what_comes_unfinished_and_finished_counts_once(engine: ClickHouse, order: int, ours: bool) -> None:
    """N2, D1: whichever part comes first, whoever sent it; an end that one part alone tells is known."""
    topic = {"peer": "orders", "peer_kind": "mq"}
    rows = [
        (1, 0, CLIENT, "web", {"peer": "h:80"}),
        (2, 1, SERVER, "users", {}),
        (3, 2, PRODUCER, "users", topic),
        (4, 3, CONSUMER, "mail", topic),
    ]
    bodies = [
        [span(*row, foreign=not ours, duration_us=None, **more) for *row, more in rows],
        [span(*row, foreign=not ours, **({} if row[2] == CONSUMER and not ours else more)) for *row, more in rows],
    ]
    for number, part in enumerate(bodies[::order]):
        store(engine, part, number)
    check(engine, [body for part in bodies for body in part])
    found = {(caller, callee, side): value[2] for (_, caller, callee, side, _, _), value in edges(engine).items()}
    assert found == {
        ("web", "users", "client"): 1,
        ("web", "users", "server"): 1,
        ("users", "mq:orders", "producer"): 1,
        ("mq:orders", "mail", "consumer"): 1,
    }


@pytest.mark.parametrize("seconds", [1, 5])
def test_a_call_across_the_edge_of_a_bucket_is_paired(engine: ClickHouse, seconds: int) -> None:
    """D4: slots, buckets and hours do not cut calls in two."""
    bodies = [
        span(1, 0, CLIENT, "web", start_us=EDGE - seconds * 1_000_000, peer="h2:80"),
        span(2, 1, SERVER, "users", start_us=EDGE + seconds * 1_000_000),
    ]
    store(engine, bodies, 1)
    assert names(check(engine, bodies)) == {("web", "users", "client"), ("web", "users", "server")}


def test_a_range_reads_its_own_buckets_only(engine: ClickHouse) -> None:
    """W1: a bound on the bucket reaches the table of sides."""
    for number in range(2):
        store(engine, [span(1, 0, CLIENT, "web", peer="h:1", start_us=EDGE - number * 86_400_000_000)], number)
    with engine.reader() as handle:
        plan = handle.query(
            f"EXPLAIN indexes = 1 SELECT sum(calls) FROM {engine.database}.all_edges_1m"
            " WHERE bucket >= toDateTime({bucket:UInt64}, 'UTC') AND bucket < toDateTime({bucket:UInt64} + 60, 'UTC')",
            parameters={"bucket": EDGE // 1_000_000},
        ).result_rows
    _, _, sides = "\n".join(line for (line,) in plan).partition(".call_sides)")
    assert "Parts: 1/2" in sides


def population(source: random.Random) -> list[bytes]:
    """Traces as a mixed park of tracers would leave them, with losses, copies and skew; each row may come twice."""
    services = ("a", "b", "c", "d")
    bodies: dict[tuple[Any, ...], list[bytes]] = {}
    for trace in range(60):
        start = EDGE - 300_000_000 + source.randrange(400_000_000)
        parents = [0]
        for number in range(1, 12):
            parent = source.choice(parents)
            kind = source.choice((LOCAL, CLIENT, CLIENT, SERVER, SERVER, PRODUCER, CONSUMER))
            shared = kind == SERVER and parent and source.random() < 0.4
            peer = source.choice((("", ""), ("h:80", ""), ("b", "service"), ("x", "external"), ("db", "db")))
            row = partial(
                span,
                parent if shared else number,
                source.choice(parents) if shared else parent,
                kind,
                source.choice(services),
                foreign=source.random() < 0.7,
                trace_id=trace.to_bytes(16, "big"),
                start_us=start + source.randrange(15_000_000),
                zone=source.choice(("", "z1", "z2")),
                env=source.choice(("prod", "test")),
                peer=peer[0] if kind in {CLIENT, PRODUCER, CONSUMER} else "",
                peer_kind=peer[1] if kind == CLIENT else "",
                caller=[source.choice(services), "", "z1", ""] if source.random() < 0.2 else None,
                flags=source.choice((1, 1, 1, 5, 9)),
                weight=source.choice((1_000, 2_500)),
                attrs={"zipkin.shared": "true"} if shared else {},
            )
            parents.append(number)
            duration_us = None if source.random() < 0.1 else source.randrange(1, 10**6)
            told = [row(duration_us=duration_us)]
            if source.random() < 0.3 and duration_us is not None:
                # What went out while the row was open.
                told.append(row(duration_us=None))
            if source.random() > 0.1:
                bodies[tuple(row_of(told[0])[name] for name in ("trace_id", "id", "kind"))] = told
    return [body for told in bodies.values() for body in told]


@pytest.mark.parametrize("seed", range(2))
def test_the_map_equals_a_recount_in_any_order_of_arrival(engine: ClickHouse, seed: int) -> None:
    """D5: before settling, after it, and when rows come late to a settled bucket."""
    source = random.Random(seed)
    bodies = population(source)
    source.shuffle(bodies)
    cuts = sorted(source.sample(range(1, len(bodies)), 6))
    parts = [bodies[at:until] for at, until in zip([0, *cuts], [*cuts, len(bodies)], strict=True)]
    for number, part in enumerate(parts[:5]):
        store(engine, part, number)
    check(engine, [body for part in parts[:5] for body in part])
    assert settle(engine, LATER) > 2
    check(engine, [body for part in parts[:5] for body in part])
    store(engine, parts[5], 5)
    store(engine, parts[5], 5)
    check(engine, [body for part in parts[:6] for body in part])
    assert settle(engine, LATER) > 0
    assert settle(engine, LATER) == 0
    store(engine, parts[6], 6)
    assert check(engine, bodies)
    settle(engine, LATER, most=1)
    assert check(engine, bodies)


def test_an_open_bucket_is_left_to_the_reader(engine: ClickHouse) -> None:
    """D4: only closed buckets are kept."""
    store(engine, [span(1, 0, CLIENT, "web", peer="h:1")], 1)
    assert settle(engine, NOW) == 0
    assert settle(engine, EDGE + 90_000_000 - 1) == 0
    assert settle(engine, EDGE + 90_000_000) == 1


def test_the_columns_of_the_table_are_those_of_the_block() -> None:
    """C10: the recount reads the same names that are written."""
    assert set(INGEST_COLUMNS) <= set(row_of(span(1, 0, CLIENT, "web")))
