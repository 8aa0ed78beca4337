"""Y2 over a store: counts of settled calls by SQL, of those that still move from their rows; all are the twin's."""

import itertools
from dataclasses import replace

import pytest

from hopline_query.answers import narrowing
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.planted import shop
from support.shops import START
from support.stored_rows import insert_rows
from support.stores import KINDS as STORES
from support.stores import store_of
from support.why import opened

HOUR_US = 3_600_000_000
_numbers = itertools.count(1)

SELECTIONS = [
    {"min_span_duration": "400ms"},
    {"min_duration": "400ms"},
    {"filter": "duration>400ms AND version=1.0"},
    {"filter": "NOT version=1.1", "base_filter": "version=1.1"},
    {"operation": "POST /checkout", "min_span_duration": "400ms"},
    {"min_spans": "4"},
    {"errors": "true"},
    {"uid": "nobody"},
]


@pytest.fixture(scope="module", params=STORES)
def store(request):
    with store_of(request.param, request) as found:
        yield found


def filled(store, seed, kind, moving):
    """A shop in hours of its own, traces whose number ``moving`` accepts unsettled: its rows and range."""
    number = next(_numbers)
    shift = number * 2 * HOUR_US
    rows = [
        replace(row, trace_id=f"{number:08x}{row.trace_id[8:]}", start_us=row.start_us + shift)
        for row in shop(seed, kind, 300).rows
    ]
    now = START + shift + HOUR_US
    traces = {trace_id: place for place, trace_id in enumerate(sorted({row.trace_id for row in rows}))}
    for row in rows:
        row.arrived = now - (1_000_000 if moving(traces[row.trace_id]) else 1_800_000_000)
    insert_rows(store, rows)
    settle(store, now)
    return rows, {"from": str(START + shift - 1), "to": str(now), "service": "checkout"}, now


def both(store, rows, now):
    stored = ClickHouseReader(store)
    twin = MemoryReader(rows, judge=stored.judge)
    return [QueryService(reader, clock=lambda: now) for reader in (stored, twin)]


def plain(answer):
    return {name: value for name, value in answer.items() if name not in {"freshness", "took_ms"}}


def without_ranges(answer):
    """Findings without what depends on bounds, which the settled calls alone place: ranges, the number compared."""
    found = [finding for finding in answer["findings"] if "range" not in str(finding)]
    return [{name: value for name, value in finding.items() if name != "p"} for finding in found]


@pytest.mark.parametrize("kind", ["pair", "no_callee", "below", "range"])
def test_settled_calls_are_counted_as_their_rows_are(store, kind):
    """Y2: every finding, with its counts, its chance and what else it is called, is the one that all rows tell."""
    rows, params, now = filled(store, 3, kind, lambda place: False)
    stored, twin = both(store, rows, now)
    for more in SELECTIONS:
        answer = plain(stored.differs(params | more))
        assert answer == plain(twin.differs(params | more)), more
        assert not answer["truncated"]
    assert stored.differs(params | SELECTIONS[0])["findings"]


@pytest.mark.parametrize("kind", ["tag", "callee"])
def test_calls_that_move_are_added_to_the_settled_ones(store, kind):
    """Y2: what came in the last seconds counts, however rare its marks are among the settled calls."""
    rows, params, now = filled(store, 4, kind, lambda place: place % 5 == 0)
    stored, twin = both(store, rows, now)
    assert stored.differs(params | SELECTIONS[0])["findings"]
    for more in SELECTIONS[:3]:
        answer, told = stored.differs(params | more), twin.differs(params | more)
        counts = ("selected", "base", "truncated")
        assert [answer[name] for name in counts] == [told[name] for name in counts]
        assert without_ranges(answer) == without_ranges(told)


@pytest.mark.parametrize("kind", ["no_callee", "range"])
def test_links_open_what_was_counted(store, kind, monkeypatch):
    """Y2: each finding's link opens exactly its calls, among however many traces they are chosen from."""
    rows, params, now = filled(store, 6, kind, lambda place: place % 7 == 0)
    stored, twin = both(store, rows, now)
    findings = [f for f in stored.differs(params | SELECTIONS[0])["findings"] if f["selected"]["with"] <= 60]
    expected = [opened(twin, finding["link"]) for finding in findings]
    assert findings
    # Far fewer than the 300 traces of the range: those without the marks are not looked at.
    monkeypatch.setattr(narrowing, "MOST_TRACES", 60)
    for finding, wanted in zip(findings, expected, strict=True):
        answer = opened(stored, finding["link"])
        assert (answer["calls"], answer["count_exact"]) == (finding["selected"]["with"], True)
        assert [t["trace_id"] for t in answer["traces"]] == [t["trace_id"] for t in wanted["traces"]]


def test_only_rows_are_asked_of_what_settled_before_calls_were_written(store):
    """Y2: traces that an earlier release settled are read from their rows, as before."""
    rows, params, now = filled(store, 5, "tag", lambda place: False)
    first = ClickHouseReader(store)
    settled = store.ask(f"SELECT max(settled) FROM {store.database}.settled_calls")[0][0]
    first._first_call = int(settled) + 1
    asked = QueryService(first, clock=lambda: now)
    twin = both(store, rows, now)[1]
    assert plain(asked.differs(params | SELECTIONS[0])) == plain(twin.differs(params | SELECTIONS[0]))
