"""Y3 over a store: parts of settled calls are added up by SQL, those of others from their rows; all are the twin's."""

import itertools
from dataclasses import replace
from random import Random

import pytest

from hopline_query.answers import selection
from hopline_query.service import QueryService
from hopline_query.store import settled_paths
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.shops import START, random_traces, rows_of, straight_call
from support.stored_rows import insert_rows
from support.stores import KINDS as STORES
from support.stores import store_of

HOUR_US = 3_600_000_000
_numbers = itertools.count(1)

SELECTIONS = [
    {},
    {"operation": "x", "what_if": "b|x|0.5"},
    {"filter": "duration>300us", "what_if": "a|x|0"},
    {"min_duration": "500us", "what_if": "nobody|x|3"},
    {"errors": "true", "version": "1"},
    {"uid": "nobody", "what_if": "a|x|2"},
]


@pytest.fixture(scope="module", params=STORES)
def store(request):
    with store_of(request.param, request) as found:
        yield found


def straight_traces(source, count):
    """Traces whose calls do one thing after the other, under clocks of their own."""
    skews = {service: source.randrange(-900, 900) for service in "abc"}
    for number in range(count):
        rows = rows_of(straight_call(source, 0, source.randint(0, 2_000)), 10_000 + number, START + number * 1_000)
        yield [replace(row, start_us=row.start_us + skews[row.service]) for row in rows]


def filled(store, traces, moving):
    """Traces in hours of their own, those whose number ``moving`` accepts unsettled: over store and twin, and where."""
    number = next(_numbers)
    shift = number * 2 * HOUR_US
    now = START + shift + HOUR_US
    rows = [
        replace(
            row,
            trace_id=f"{number:08x}{row.trace_id[8:]}",
            start_us=row.start_us + shift,
            arrived=now - (1_000_000 if moving(place) else 1_800_000_000),
        )
        for place, of_trace in enumerate(traces)
        for row in of_trace
    ]
    insert_rows(store, rows)
    settle(store, now)
    stored = ClickHouseReader(store)
    readers = stored, MemoryReader(rows, judge=stored.judge)
    params = {"from": str(START + shift - 10_000), "to": str(now), "service": "a"}
    return *(QueryService(reader, clock=lambda: now) for reader in readers), params


def plain(answer):
    return {name: value for name, value in answer.items() if name not in {"freshness", "took_ms"}}


def mixed(seed):
    return [*random_traces(seed, 50), *straight_traces(Random(seed), 70)]


def test_settled_parts_are_those_that_all_rows_tell(store):
    """Y3: bands, drag, slack and "what if" over calls that the store tells of and calls that are left to their rows."""
    stored, twin, params = filled(store, mixed(1), lambda place: False)
    for more in SELECTIONS:
        answer = stored.critical_path(params | more)
        assert plain(answer) == plain(twin.critical_path(params | more)), more
        assert not answer["truncated"]


def test_calls_that_move_are_added_to_the_settled_ones(store):
    """Y3: what came in the last seconds counts in every band, and in every percentile."""
    stored, twin, params = filled(store, mixed(2), lambda place: place % 3 == 0)
    more = SELECTIONS[1]
    assert plain(stored.critical_path(params | more)) == plain(twin.critical_path(params | more))


def test_every_call_counts_however_many_there_are(store, monkeypatch):
    """Y3: the bound on traces holds for those whose rows are read, not for those whose parts were written."""
    stored, twin, params = filled(store, straight_traces(Random(3), 80), lambda place: False)
    more = SELECTIONS[1]
    expected = plain(twin.critical_path(params | more))
    monkeypatch.setattr(selection, "MOST_TRACES", 20)
    assert plain(stored.critical_path(params | more)) == expected
    assert twin.critical_path(params)["truncated"]


def test_too_many_calls_left_to_their_rows_are_answered_by_the_newest(store, monkeypatch):
    """Y3: then the newest traces stand for all, and the answer says so."""
    stored, twin, params = filled(store, mixed(4), lambda place: False)
    monkeypatch.setattr(settled_paths, "LEFT", 20)
    assert plain(stored.critical_path(params)) == plain(twin.critical_path(params))
    monkeypatch.setattr(selection, "MOST_TRACES", 20)
    answer = stored.critical_path(params)
    assert answer["truncated"]
    assert plain(answer) == plain(twin.critical_path(params))


def test_late_rows_replace_the_parts(store):
    """Y3: a call that comes late counts once, with what came of it."""
    traces = [rows for rows in straight_traces(Random(5), 40) if len(rows) > 2]
    number, now = next(_numbers), START + HOUR_US * 1_000
    rows = [
        replace(row, trace_id=f"{number:08x}{row.trace_id[8:]}", start_us=row.start_us + now - START - HOUR_US)
        for of_trace in traces
        for row in of_trace
    ]
    first = [replace(row, arrived=now - 1_800_000_000) for row in rows if row.kind != "client"]
    late = [replace(row, arrived=now - 900_000_000) for row in rows if row.kind == "client"]
    for part, at in ((first, now - 1_000_000_000), (late, now)):
        insert_rows(store, part)
        settle(store, at)
    params = {"from": str(now - HOUR_US - 10_000), "to": str(now), "service": "a", "what_if": "b|x|0.5"}
    readers = ClickHouseReader(store), MemoryReader([*first, *late])
    answers = [plain(QueryService(reader, clock=lambda: now).critical_path(params)) for reader in readers]
    assert answers[0] == answers[1]
