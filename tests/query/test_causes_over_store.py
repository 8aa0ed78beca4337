"""Y1 over a store: causes counted from what was written as traces settled are those of all rows."""

import itertools
import random
from dataclasses import replace

import pytest

from hopline_query.answers import forest, narrowing, selection
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.shops import START, Call, random_traces, rows_of
from support.stored_rows import insert_rows
from support.stores import KINDS as STORES
from support.stores import store_of
from support.why import opened

HOUR_US = 3_600_000_000
_numbers = itertools.count(1)

SELECTIONS = [{}, {"service": "a"}, {"filter": "tenant=2"}, {"version": "2", "service": "b"}, {"min_spans": "6"}]


@pytest.fixture(scope="module", params=STORES)
def store(request):
    with store_of(request.param, request) as found:
        yield found


def refused(number):
    """A call to an address that does not answer; others to it are answered by ``stock`` in every second trace."""
    call = Call("10.0.0.7:80", "GET /", 10, 5, sides="client", failed="ConnectionRefused" if number % 2 else "")
    rows = rows_of(Call("a", "x", 0, 20, [call], "server", failed="HTTP502" if number % 4 == 1 else ""), number)
    for row in rows:
        if row.kind == "client":
            row.peer_kind = ""
            if not row.error:
                row.peer, row.peer_kind, row.tags = "stock", "service", {"server.address": "10.0.0.7"}
                row.attrs = {"url.full": "http://10.0.0.7:80/"}
    return rows


def filled(store, seed, moving):
    """Random traces in hours of their own, of which some still move: their rows and the time."""
    number = next(_numbers)
    shift = number * 3 * HOUR_US
    traces = [*random_traces(seed, 120), *(refused(900 + place) for place in range(8))]
    rows = []
    for place, made in enumerate(traces):
        for row in made:
            trace_id, begin = f"{number:08x}{place:024x}", row.start_us + shift + place * 20_000_000
            rows.append(replace(row, trace_id=trace_id, start_us=begin, uid=f"u{place % 7}" if row.uid else ""))
    now = START + shift + HOUR_US
    for row in rows:
        row.arrived = now - (1_000_000 if moving(int(row.trace_id[-6:], 16)) else 1_800_000_000)
    random.Random(seed).shuffle(rows)
    insert_rows(store, rows)
    settle(store, now)
    return rows, {"from": str(START + shift - 1), "to": str(now)}, now


def both(store, rows, now):
    stored = ClickHouseReader(store)
    return [QueryService(reader, clock=lambda: now) for reader in (stored, MemoryReader(rows, judge=stored.judge))]


def plain(answer):
    return {name: value for name, value in answer.items() if name not in {"freshness", "took_ms"}}


@pytest.mark.parametrize("share", [1_000, 4])
def test_written_causes_are_those_of_the_rows(store, share):
    """Y1: every figure, of settled traces alone and beside those that move, over any range."""
    rows, params, now = filled(store, share, lambda place: place % share == 3)
    stored, twin = both(store, rows, now)
    halves = int(params["from"]) + 1_200_000_123
    for more in [*SELECTIONS, {"to": str(halves)}, {"from": str(halves)}, {"from": str(halves), "service": "b"}]:
        answer = plain(stored.causes(params | more))
        assert answer == plain(twin.causes(params | more)), more
        assert not answer["truncated"]
    assert "external:stock" in {cause["service"] for cause in stored.causes(params)["causes"]}


def test_more_traces_than_trees_are_counted_and_opened(store, monkeypatch):
    """Y1: among more failing traces than trees are looked at, counts are exact, and so are links that open no more."""
    rows, params, now = filled(store, 7, lambda place: False)
    stored, twin = both(store, rows, now)
    whole = twin.causes(params)
    for module in (forest, narrowing, selection):
        monkeypatch.setattr(module, "MOST_TRACES", 60)
    answer = stored.causes(params)
    assert answer["traces"] > 60
    assert plain(answer) == plain(whole)
    few = [cause for cause in answer["causes"] if cause["traces"] <= 10]
    assert len(few) > 3
    for cause in few[::6]:
        found = opened(stored, cause["link"])
        assert (found["calls"], found["count"], found["count_exact"]) == (cause["count"], cause["traces"], True)


def test_traces_without_written_causes_are_read_from_rows(store):
    """Y1: what a collector of an earlier release settles, while others are of this one, counts as any."""
    rows, params, now = filled(store, 11, lambda place: False)
    some = "reinterpretAsUInt8(substring(trace_id, 16)) % 5 = 0 SETTINGS mutations_sync = 2"
    store.define(f"ALTER TABLE {store.settings.home}.settled_causes $on_cluster DELETE WHERE {some}")
    stored, twin = both(store, rows, now)
    answer = plain(stored.causes(params))
    assert answer == plain(twin.causes(params))
    assert answer["failures"]


def test_late_rows_replace_the_causes(store):
    """Y1: a trace that rows come for later is settled anew, and what its first rows told counts no more."""
    number = next(_numbers)
    shift = number * 3 * HOUR_US
    rows = [row for place, made in enumerate(random_traces(3, 20)) for row in made]
    rows = [replace(row, trace_id=f"{number:08x}{row.trace_id[8:]}", start_us=row.start_us + shift) for row in rows]
    now = START + shift + HOUR_US
    for place, row in enumerate(rows):
        row.arrived = now - (900_000_000 if place % 3 else 1_800_000_000)
    first = [row for place, row in enumerate(rows) if not place % 3]
    insert_rows(store, first)
    settle(store, now - 1_200_000_000)
    insert_rows(store, [row for place, row in enumerate(rows) if place % 3])
    settle(store, now)
    stored, twin = both(store, rows, now)
    params = {"from": str(START + shift - 1), "to": str(now)}
    assert plain(stored.causes(params)) == plain(twin.causes(params))
