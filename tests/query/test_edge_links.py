"""An edge of the map leads to exactly the calls that it counts, whoever reported them, whichever row knows the ends."""

import itertools
import random
from collections import Counter
from dataclasses import replace
from itertools import groupby, islice

import pytest

from hopline.model import Row
from hopline_collector.chores import pairing
from hopline_query.service import QueryService
from hopline_query.store import trace_search
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import Scope, SearchQuery
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.call_oracle import told_calls
from support.judging import python_judge
from support.stored_rows import COLUMNS, stored_row

MINUTE = 60_000_000
START = 1_763_800_020_000_000
NOW = START + 60 * MINUTE
RANGES = [(0, 10), (2, 3)]

SHOPS = ("web", "users", "mail", "stock")
PEERS = (
    *(("", ""), ("users", "service"), ("stock", "service"), ("bank", ""), ("bank", "external"), ("stock", "external")),
    *(("10.0.0.7:8080", ""), ("shop", "db")),
)
TAUGHT = {"server.address": "10.0.0.7"}
"""Of answered calls to the address of `stock`."""


def own(source, rows, trace_id, start):
    """Rows that name both ends, now and then one that does not."""
    for number in range(source.randrange(2, 8)):
        kind = source.choice(("client", "server", "producer", "consumer")) if number else "server"
        told = source.choice(SHOPS) if kind in {"server", "consumer"} and number else ""
        peer, peer_kind = source.choice(PEERS) if kind == "client" else ("", "")
        if kind in {"producer", "consumer"}:
            peer, peer_kind = source.choice(("orders", "mails")), "mq"
        yield row(
            source,
            trace_id,
            start + number * source.choice((1_000, 9_000_000)),
            kind,
            span_id=f"0.{number}" if number else "0",
            parent_id=f"{source.getrandbits(63) + 1:016x}" if number else None,
            caller_service=told if source.random() < 0.8 else "",
            peer=peer,
            peer_kind=peer_kind,
            tags=TAUGHT if (peer, peer_kind) == ("stock", "service") else {},
            attrs={"url.full": "http://10.0.0.7:8080/x"} if (peer, peer_kind) == ("stock", "service") else {},
        )


def joined(source, rows, trace_id, start, *, shared):
    """Rows whose callers stand in their parents' rows: halves of one id (Zipkin), or one id each (OpenTelemetry)."""
    known = [None]
    for _ in range(source.randrange(2, 6)):
        parent = source.choice(known)
        peer, peer_kind = source.choice(PEERS)
        client = row(source, trace_id, start, "client", parent_id=parent, peer=peer, peer_kind=peer_kind)
        start += source.choice((1_000, 9_000_000))
        half = shared and source.random() < 0.7
        server = row(
            source,
            trace_id,
            start,
            "server",
            parent_id=client.parent_id if half else client.id,
            caller_service=source.choice(("", "web")),
            attrs={"zipkin.shared": "true"} if half else {},
        )
        if half:
            server.id = client.id
        message = row(
            source,
            trace_id,
            start,
            source.choice(("producer", "consumer")),
            parent_id=server.id,
            peer="orders",
            peer_kind="mq",
        )
        known += [client.id, server.id]
        yield from (one for one in (client, server, message) if source.random() < 0.85)


def row(source, trace_id, start, kind, **more):
    return Row(
        trace_id=trace_id,
        kind=kind,
        service=source.choice(SHOPS),
        name=source.choice(("GET /", "POST /")),
        start_us=start,
        id=f"{source.getrandbits(63) + 1:016x}",
        duration_us=None if source.random() < 0.15 else source.randrange(1, 1_000_000),
        error=source.random() < 0.3,
        flags=1,
        arrived=NOW - 30 * MINUTE,
        **more,
    )


def population(source, count):
    """Traces of our own rows, of Zipkin's, of OpenTelemetry's, and of all of them together."""
    rows = []
    for number in range(count):
        trace_id = f"{START // 1_000_000 + number:08x}{source.getrandbits(96):024x}"
        start = START + source.randrange(-MINUTE, 11 * MINUTE)
        makers = (own, lambda *args: joined(*args, shared=True), lambda *args: joined(*args, shared=False))
        for maker in makers if number % 4 == 3 else (makers[number % 4],):
            rows += maker(source, rows, trace_id, start)
    return rows


@pytest.fixture(scope="module")
def rows():
    return population(random.Random(5), 60)


@pytest.fixture(scope="module")
def twin(rows):
    return QueryService(MemoryReader(rows, judge=python_judge), clock=lambda: NOW)


@pytest.fixture(scope="module")
def service(shared_engine, store_shared, rows):
    """Over a store in which most traces and buckets are settled and some rows came late."""
    store_shared(rows[: len(rows) * 3 // 4])
    settle(shared_engine, NOW)
    pairing.settle(shared_engine, NOW, most=5)
    store_shared(rows[len(rows) * 3 // 4 :])
    return QueryService(ClickHouseReader(shared_engine), clock=lambda: NOW)


def node(callee, side):
    """The callee's node on the map of this population: the bank never reports, the address is the stock's."""
    if side in {"server", "consumer"}:
        return callee
    return {"bank": "external:bank", "10.0.0.7:8080": "stock"}.get(callee, callee)


def by_edge(stored, window):
    """Caller and callee -> calls by trace."""
    found = {}
    for one, caller, callee, _ in told_calls(stored):
        if int(window["from"]) <= one["start_us"] < int(window["to"]):
            pair = caller, node(callee, one["kind"])
            found.setdefault(pair, Counter())[one["trace_id"].hex()] += 1
    return found


def sort_of(edge):
    """What such calls have in common: a topic, a peer that never reports, a service known by its address, or none."""
    return ["stock"] if edge[1] == "stock" else [name.partition(":")[0] for name in edge if ":" in name]


def judge_links(service, rows, low, high, *, source, most, links):
    """Every edge counts its calls; ``links`` edges, of each sort at ``most`` so many, open them."""
    window = {"from": str(START + low * MINUTE), "to": str(START + high * MINUTE)}
    stored = [dict(zip(COLUMNS, stored_row(one), strict=True)) for one in rows]
    calls = by_edge(stored, window)
    # Running calls are opened too, and count once they have ended.
    open_too = by_edge([one | {"unfinished": 0} for one in stored], window)
    edges = {(edge["caller"], edge["callee"]): edge for edge in service.dependencies(window)["edges"]}
    assert edges.keys() == calls.keys()
    assert {name for pair in edges for name in pair} > {"web", "mq:orders", "external:bank", "db:shop"}
    for pair, edge in edges.items():
        assert edge["client"]["sampled"] + edge["server"]["sampled"] == calls[pair].total()
    shuffled = source.sample(sorted(edges), len(edges))
    chosen = [pair for _, alike in groupby(sorted(shuffled, key=sort_of), key=sort_of) for pair in islice(alike, most)]
    for caller, callee in source.sample(chosen, min(len(chosen), links)):
        link = window | {"caller": caller, "callee": callee, "limit": "1000"}
        opened = {trace["trace_id"] for trace in service.search(link)["traces"]}
        assert calls[caller, callee].keys() <= opened <= open_too[caller, callee].keys(), link


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_an_edge_opens_the_calls_that_it_counts_in_memory(twin, rows, low, high):
    """D1, Q2: own rows, halves of Zipkin, pairs of OpenTelemetry; names that only other calls taught; externals."""
    judge_links(twin, rows, low, high, source=random.Random(low), most=20, links=100)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_an_edge_opens_the_calls_that_it_counts(service, shared_engine, rows, low, high):
    """D1, Q2: the same in each kind of store, each with links of its own."""
    settings = shared_engine.settings
    source = random.Random(f"{low} {bool(settings.url)} {settings.cluster}")
    judge_links(service, rows, low, high, source=source, most=1, links=5 if low == 0 else 2)


def test_matched_rows_are_those_of_the_calls(service, twin):
    """Q2: the rows that a list marks are the sides of the calls, the same in the store and from its rows."""
    window = {"from": str(START), "to": str(START + 10 * MINUTE), "limit": "1000"}
    for asked in ({"caller": "web"}, {"callee": "users"}, {"caller": "web", "callee": "users", "errors": "true"}):
        expected, found = (one.search(window | asked) for one in (twin, service))
        assert found["traces"] == expected["traces"]
        assert all(trace["matched_total"] for trace in found["traces"])
        assert found["count"]


def namesakes(source):
    """A service that is called as the address of another one is, by calls that tell of either."""
    for number in range(6):
        trace_id = f"{START // 1_000_000 + 90 + number:08x}{source.getrandbits(96):024x}"
        start = START + 90_000_000 + number * 1_000_000
        peer = "10.0.0.7:8080" if number % 2 else "users"
        client = row(source, trace_id, start, "client", span_id="0.1", peer=peer)
        service = ("10.0.0.7:8080", "users", "stock")[number % 3]
        server = row(source, trace_id, start, "server", span_id="0.1", parent_id=client.id, caller_service="web")
        yield from (replace(client, service="web"), replace(server, service=service))


def test_rows_that_do_not_tell_whose_call_it_was_are_asked(engine, store_rows, rows, monkeypatch):
    """D1, Q2: of traces that an earlier release settled, and where an address is the name of a service as well."""
    rows = rows + list(namesakes(random.Random(9)))
    real, twin = ClickHouseReader(engine), MemoryReader(rows, judge=python_judge)
    store_rows(rows)
    settle(engine, NOW)
    with engine.writer() as handle:
        of_before = "cityHash64(trace_id) % 3 = 0 SETTINGS mutations_sync = 2"
        handle.command(f"ALTER TABLE {engine.database}.settled UPDATE called = 0, calls = [] WHERE {of_before}")
    scope = Scope(START, START + 10 * MINUTE, load_test="true")
    names = ("stock", "10.0.0.7:8080")
    ends = [{"caller": "web"}, {"callee": "users"}, *({"caller": name, "callee": "stock"} for name in ("web", "users"))]
    for most, errors, asked in itertools.product((trace_search.STRADDLING, 5), (False, True), ends):
        monkeypatch.setattr(trace_search, "STRADDLING", most)
        told = names if asked.get("callee") == "stock" else ()
        question = SearchQuery(scope, errors=errors, limit=100, callee_names=told, **asked)
        expected = twin.search(question)
        assert expected[1] > 1
        assert real.search(question) == expected, asked
