"""Which roll-up answers a question: by range, age and step."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.params import QuerySettings
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.planner import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    TEN_SECONDS_US,
    cut,
    edge_slot,
    fitted,
    kept,
    oldest_of,
    slot_length,
    unserved,
)
from hopline_query.store.port import GROUPS, FiguresQuery, Scope
from hopline_query.store.reader import ClickHouseReader

NOW = 1_763_800_000_000_000
SLOTS = (TEN_SECONDS_US, MINUTE_US, HOUR_US)


@st.composite
def questions(draw) -> tuple[FiguresQuery, int]:
    """A question over a random range of a random age, and the days that rows are kept."""
    rows_days = draw(st.integers(1, 30))
    held = kept(NOW, rows_days * DAY_US, draw(st.integers(rows_days, 120)) * DAY_US)
    end = NOW - draw(st.integers(0, 150 * DAY_US))
    width = draw(st.one_of(st.integers(1, 2 * HOUR_US), st.integers(1, 90 * DAY_US)))
    group = draw(st.sampled_from(sorted(GROUPS)))
    step = draw(st.one_of(st.just(0), st.integers(1, 5_000).map(lambda n: n * TEN_SECONDS_US)))
    return FiguresQuery(Scope(max(0, end - width), end, kept=held), group=group, step_us=step), rows_days


@given(questions())
def test_what_is_read_is_kept_or_said_to_be_gone(asked):
    """L1, L7: the table that answers reaches back to the range's begin, or the answer says what is not served."""
    question = fitted(asked[0])
    slot = slot_length(question)
    held = question.scope.kept
    begin = {TEN_SECONDS_US: held.rows_us, MINUTE_US: held.minutes_us, HOUR_US: held.hours_us}[slot]
    read = cut(question.scope, max(slot, question.step_us))
    gone = unserved(question.scope, oldest_of(question))
    assert slot in SLOTS
    assert question.step_us % slot == 0
    assert cut(question.scope, slot).from_us >= begin or slot == HOUR_US
    assert (gone is None) == (question.scope.from_us >= oldest_of(question))
    assert read.from_us <= question.scope.from_us < question.scope.to_us <= read.to_us


@given(questions())
def test_a_step_is_never_narrowed(asked):
    """L1: a step is served as asked, or by the next wider slots where its own are gone."""
    question, served = asked[0], fitted(asked[0])
    assert question.step_us <= served.step_us < max(1, question.step_us) + HOUR_US
    assert bool(question.step_us) == bool(served.step_us)
    if question.scope.from_us >= question.scope.kept.rows_us + HOUR_US and question.group in {"service", "operation"}:
        assert served.step_us == question.step_us


@given(st.integers(0, 40 * DAY_US), st.integers(1, 30))
def test_what_counts_as_kept_is_there(age, days):
    """C7, L1: retention drops whole days, so nothing that counts as kept can be gone, even on a clock just ahead."""
    now = NOW + age
    held = kept(now, days * DAY_US, 90 * DAY_US)
    dropped_before = ((now + MINUTE_US) // DAY_US - days) * DAY_US
    assert held.rows_us >= dropped_before
    assert held.rows_us - dropped_before <= DAY_US
    assert held.hours_us <= held.minutes_us


def test_the_map_goes_by_the_hour_where_minutes_are_gone():
    """D4, L7: a short range of old days is answered from what is left of them."""
    held = kept(NOW, 7 * DAY_US, 30 * DAY_US)
    scope = Scope(NOW - HOUR_US, NOW, kept=held)
    assert edge_slot(scope) == MINUTE_US
    assert edge_slot(replace(scope, from_us=held.minutes_us - 2 * HOUR_US, to_us=held.minutes_us)) == HOUR_US


@pytest.fixture
def old(engine, store_rows, row):
    """A store whose rows and ten-second slots went a day ago, and a twin with the same rows: figures stay longer."""
    rows = [row("0", f"{n:x}", None, "server", start_us=NOW + n * 1_000_000, error=n % 5 == 0) for n in range(1, 40)]
    store_rows(rows)
    with engine.writer() as handle:
        handle.command(f"TRUNCATE TABLE {engine.database}.stats_10s")
        handle.command(f"TRUNCATE TABLE {engine.database}.spans_by_service")
    settings = QuerySettings(retention_us=7 * DAY_US)
    readers = (ClickHouseReader(engine), MemoryReader(rows))
    return [QueryService(reader, clock=lambda: NOW + 9 * DAY_US, settings=settings) for reader in readers]


def test_an_old_range_is_served_from_wider_slots(old):
    """L1, L7: a short range of days whose fine slots are gone shows its figures, in slots that say their width."""
    asked = {"from": str(NOW), "to": str(NOW + 15 * MINUTE_US), "service": "a"}
    for service in old:
        stats = service.stats(asked)
        assert (stats["total"]["calls"], stats["total"]["errors"], stats["slot_s"]) == (39, 7, 60)
        series = service.series({**asked, "step": "10s"})
        assert series["step_us"] == MINUTE_US
        assert sum(series["series"][0]["calls"]) == 39
        assert stats["unserved"] is series["unserved"] is None
        heatmap = service.heatmap(asked)
        assert heatmap["unserved"] == {"from_us": NOW, "to_us": NOW + 15 * MINUTE_US}


def test_what_is_too_old_for_any_table_is_said(old):
    """L7: no figures because they were dropped is not read as no calls."""
    asked = {"from": str(NOW - 120 * DAY_US), "to": str(NOW - 119 * DAY_US)}
    for service in old:
        for answer in (service.stats(asked), service.series(asked), service.dependencies(asked), service.errors(asked)):
            assert answer["unserved"]["from_us"] <= NOW - 120 * DAY_US
            assert answer["unserved"]["to_us"] >= NOW - 119 * DAY_US


def test_the_last_slot_says_that_it_is_filling(row):
    """L1: the slot that now falls into is marked, so that its count is not read as a drop."""
    rows = [row("0", f"{n:x}", None, "server", start_us=NOW + n * 1_000_000) for n in range(1, 187)]
    service = QueryService(MemoryReader(rows), clock=lambda: NOW + 187_000_000)
    asked = {"from": str(NOW), "to": "now", "step": "1m"}
    series = service.series(asked)
    assert series["filling"] == [False] * (len(series["times"]) - 1) + [True]
    spark = service.stats({**asked, "spark": "20"})["services"][0]["spark"]
    assert spark["filling"][-1] is True
    assert sum(spark["filling"]) == 1
    assert not any(service.series({**asked, "to": str(NOW + 60_000_000)})["filling"])


def test_a_rate_is_over_the_time_in_which_the_service_was_seen(row):
    """L1: a service that began two minutes ago has the rate of two minutes, and the answer says so."""
    rows = [row("0", f"{n:x}", None, "server", start_us=NOW + n * 1_000_000) for n in range(120)]
    service = QueryService(MemoryReader(rows), clock=lambda: NOW + 120_000_000)
    entry = service.stats({"from": "now-1h"})["services"][0]
    assert (entry["calls"], entry["seen_s"], entry["qps"]) == (120, 120.0, 1.0)
    total = service.stats({"from": str(NOW + 60_000_000)})["total"]
    assert total["qps"] == 1.0
