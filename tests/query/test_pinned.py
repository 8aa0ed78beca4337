"""Pinned traces are read by id for as long as they are pinned."""

from datetime import date

import pytest

from hopline_collector.chores import archive, retention
from hopline_collector.chores.retention import RetentionSettings
from hopline_query.errors import NotFoundError
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle

TRACE = "6921c0de0123456789abcdef01234567"
DAY_MS = 86_400_000
LATER = date(2025, 12, 10)
"""All days of the rows are past the retention."""
NEXT_WEEK = date(2025, 11, 30)
"""The first day of the rows is past the retention, the second is not."""
LATER_US = 1_765_324_800_000_000


@pytest.fixture
def engine(any_store):
    """Each kind of store in turn."""
    return any_store


def drop(engine, today):
    assert retention.apply(engine, RetentionSettings(), today)


def close(engine, trace_id):
    with engine.writer() as handle:
        handle.insert(
            f"{engine.database}.closed_traces",
            [[bytes.fromhex(trace_id), LATER_US]],
            column_names=["trace_id", "at_us"],
        )


def test_a_pinned_trace_is_read_when_its_days_are_gone(engine, store_rows, article):
    """C7, Q1: tree and Zipkin alike; every row as it was."""
    store_rows(article)
    archive.pin(engine, TRACE)
    reader, twin = ClickHouseReader(engine), MemoryReader(article)
    before = QueryService(reader, clock=lambda: LATER_US).trace(TRACE)
    drop(engine, LATER)
    assert reader.trace_rows(TRACE, 100) == twin.trace_rows(TRACE, 100)
    assert reader.trace_rows(TRACE, 3) == twin.trace_rows(TRACE, 3)
    after = QueryService(reader, clock=lambda: LATER_US).trace(TRACE)
    assert after | {"freshness": None} == before | {"freshness": None}


def test_a_trace_over_midnight_is_whole_when_its_first_day_is_gone(engine, store_rows, row):
    """C7: what is left of the spans, late rows after the pin included, and the archive, each row once."""
    rows = [row("0", "a", None, "server"), row("0.1", "b", "a", at=DAY_MS), row("0.2", "c", "a", at=DAY_MS + 5)]
    for one in rows[:2]:
        store_rows([one])
    archive.pin(engine, TRACE)
    store_rows(rows[2:])
    drop(engine, NEXT_WEEK)
    reader = ClickHouseReader(engine)
    assert reader.trace_rows(TRACE, 100) == rows
    assert reader.trace_rows(TRACE, 2) == rows[:2]


def test_rows_in_both_places_are_read_from_one(engine, store_rows, article):
    """C7, W1: while its days are kept, a pinned trace is read as any other."""
    store_rows(article)
    reader = ClickHouseReader(engine)
    unpinned = reader.hint(TRACE)
    archive.pin(engine, TRACE)
    assert reader.hint(TRACE) == unpinned
    assert len(reader.trace_rows(TRACE, 100)) == len(article)


def test_without_the_pin_the_answer_is_that_it_expired(engine, store_rows, article):
    """C7, Q1: a 404 says that the retention took the trace, and what would have kept it."""
    store_rows(article)
    archive.pin(engine, TRACE)
    drop(engine, LATER)
    service = QueryService(ClickHouseReader(engine), clock=lambda: LATER_US)
    assert service.trace(TRACE)["received"] == 4
    archive.unpin(engine, TRACE)
    with pytest.raises(
        NotFoundError, match="17 days ago, and traces are kept for 7 days unless they are pinned"
    ) as told:
        service.trace(TRACE)
    assert told.value.detail["reason"] == "expired"


def test_the_store_tells_that_a_trace_was_closed(engine, store_rows, article):
    """C5, C7: of this trace alone, and of a pinned one too as long as the note of its closing is kept."""
    store_rows(article)
    archive.pin(engine, TRACE)
    reader = ClickHouseReader(engine)
    service = QueryService(reader, clock=lambda: LATER_US)
    close(engine, "f" * 32)
    assert not reader.hint(TRACE).closed
    assert service.trace(TRACE)["warnings"] == []
    close(engine, TRACE)
    assert [w["code"] for w in service.trace(TRACE)["warnings"]] == ["trace_closed"]
    drop(engine, LATER)
    assert [w["code"] for w in service.trace(TRACE)["warnings"]] == ["trace_closed"]


EVERYTHING = {"from": "2025-11-20", "to": "2025-11-26"}


@pytest.fixture
def after_retention(engine, store_rows, article, row):
    """A pinned trace of a day that is gone, and five younger ones; the service over the store."""
    young = [
        row("0", f"{n:x}", None, "server", trace_id=f"{n:032x}", at=2 * DAY_MS + n, dur=n, service="young")
        for n in range(1, 6)
    ]
    store_rows([*article, *young])
    archive.pin(engine, TRACE)
    assert settle(engine, LATER_US) == 6
    before = QueryService(ClickHouseReader(engine), clock=lambda: LATER_US)
    listed = before.search(EVERYTHING)["traces"]
    drop(engine, NEXT_WEEK)
    return before, listed


def test_a_pinned_trace_is_listed_when_its_day_is_gone(after_retention):
    """C7, Q2: as it was listed before, details included."""
    service, listed = after_retention
    answer = service.search(EVERYTHING)
    assert (answer["count"], answer["traces"]) == (6, listed)
    assert service.points(EVERYTHING)["points"][-1]["trace_id"] == TRACE


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ({"service": "B"}, True),
        ({"service": "young"}, False),
        ({"filter": "service=C AND kind=server"}, True),
        ({"filter": "service=nobody"}, False),
        ({"min_duration": "50ms"}, True),
        ({"to": "2025-11-21"}, False),
        ({"caller": "A", "callee": "E"}, True),
    ],
)
def test_it_is_searched_as_any_other(after_retention, question, found):
    """C7, Q2: every condition holds for it too."""
    traces = after_retention[0].search({**EVERYTHING, **question})["traces"]
    assert (TRACE in {trace["trace_id"] for trace in traces}) is found


@pytest.mark.parametrize("order_by", ["newest", "oldest", "longest", "shortest", "spans"])
def test_pages_hold_it_once(after_retention, order_by):
    """C7, Q2: the keyset goes on behind it and before it."""
    service, listed = after_retention
    seen, cursor = [], ""
    while cursor is not None:
        page = service.search({**EVERYTHING, "order_by": order_by, "limit": "2", "cursor": cursor})
        seen += [trace["trace_id"] for trace in page["traces"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == sorted(trace["trace_id"] for trace in listed)


def test_the_map_of_a_search_is_drawn_with_it(after_retention):
    """C7, D4: its rows come from the archive."""
    found = after_retention[0].dependencies({**EVERYTHING, "filter": "service=B"})
    assert {"A", "B", "C"} <= {node["name"] for node in found["nodes"]}


def test_an_unpinned_trace_is_listed_no_more(after_retention, engine):
    """C7: the archive is all that is left of it."""
    archive.unpin(engine, TRACE)
    assert after_retention[0].search(EVERYTHING)["count"] == 5
