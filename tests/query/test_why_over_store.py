"""Y1-Y6 on each kind of store: the same answers as the twin's, from settled and from moving traces."""

import random

import pytest

from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.shops import START, random_traces
from support.stored_rows import insert_rows
from support.why import opened

HOUR = 3_600_000_000
NOW = START + HOUR
RANGE = {"from": str(START - 1), "to": str(NOW)}

QUESTIONS = [
    ("causes", {}),
    ("causes", {"service": "a"}),
    ("causes", {"filter": "tenant=2"}),
    ("search", {"version": "2", "service": "b"}),
    ("critical_path", {"service": "a", "what_if": "b|x|0.5"}),
    ("worse", {"service": "a", "version": "2", "base_version": "1"}),
    ("shapes", {}),
    ("shapes", {"version": "2", "base_version": "1"}),
    ("query", {"q": '{service=a} >> {kind=client || name =~ "^y"} | p95(duration) by (service, name)'}),
    ("search", {"structure": "{service=a} !<< {error=true}", "order_by": "longest", "limit": "5"}),
    ("shapes", {"service": "b", "operation": "x"}),
    ("differs", {"service": "a", "errors": "true"}),
]


@pytest.fixture(scope="module")
def both(shared_engine):
    """The store's service and the twin's, over the same rows: two thirds settled, one third moving."""
    rows = [row for rows in random_traces(7, 90) for row in rows]
    traces = sorted({row.trace_id for row in rows})
    for row in rows:
        row.arrived = START if traces.index(row.trace_id) % 3 else NOW - 1_000_000
    chance = random.Random(1)
    chance.shuffle(rows)
    insert_rows(shared_engine, rows)
    settle(shared_engine, NOW - HOUR // 2)
    stored = ClickHouseReader(shared_engine)
    twin = MemoryReader(rows, judge=stored.judge)
    return [QueryService(reader, clock=lambda: NOW) for reader in (stored, twin)]


def plain(answer):
    """An answer without what tells the time of asking."""
    return {name: value for name, value in answer.items() if name not in {"freshness", "took_ms"}}


@pytest.mark.parametrize(("name", "params"), QUESTIONS)
def test_the_store_answers_as_its_twin(both, name, params):
    """Y1-Y6: every figure is the same, and each link opens what it counts."""
    stored, twin = both
    answer = plain(getattr(stored, name)(RANGE | params))
    assert answer == plain(getattr(twin, name)(RANGE | params))
    for cause in answer.get("causes", [])[:3]:
        found = opened(stored, cause["link"])
        assert (found["calls"], found["count"]) == (cause["count"], cause["traces"])


def test_the_usual_run_over_the_store_is_its_twins(both):
    """Y4: every trace is held against the same others, with the same findings."""
    stored, twin = both
    for trace in twin.search(RANGE | {"limit": "10"})["traces"]:
        answer = plain(stored.usual(trace["trace_id"]))
        assert answer == plain(twin.usual(trace["trace_id"]))
