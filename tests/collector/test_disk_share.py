"""Retention by the disk, and the notice that everything gets which the clock deletes."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_collector.block.core import Message, build_block
from hopline_collector.chores import disk_share
from hopline_collector.chores.announced import NOTICE_US, Announced, Notice, announce, due
from hopline_collector.chores.disk_share import Disk, oldest_days
from hopline_collector.chores.housekeeping import RETENTION_SECONDS, Housekeeper
from hopline_collector.chores.retention import ROW_TABLES, Expired, RetentionSettings
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.writer import ClickHouseWriter
from support.stores import store_of
from support.wire_rows import wire_message, wire_row

TODAY = date(2025, 11, 22)
DAY_US = 86_400_000_000
NOON = 1_763_769_600_000_000 + DAY_US // 2


def part(table: str, day: date, size: int) -> Expired:
    return Expired(table, f"{day:%Y%m%d}", 1, size)


PARTS = st.lists(
    st.builds(
        lambda table, age, size: part(table, TODAY - timedelta(days=age), size),
        st.sampled_from([*ROW_TABLES, "stats_1m", "dead_letters"]),
        st.integers(0, 12),
        st.integers(1, 1_000),
    ),
    max_size=40,
)


@given(PARTS, st.integers(-5, 5_000))
def test_the_fewest_oldest_whole_days_go(found: list[Expired], need: int) -> None:
    """A5: days go whole, oldest first, no more of them than it takes; today, yesterday and figures stay."""
    gone = oldest_days(found, need, TODAY)
    may = [p for p in found if p.table in ROW_TABLES and p.partition < f"{TODAY - timedelta(days=1):%Y%m%d}"]
    days = sorted({p.partition for p in gone})
    assert days == sorted({p.partition for p in may})[: len(days)]
    assert sorted((p.table, p.partition, p.bytes) for p in gone) == sorted(
        (p.table, p.partition, p.bytes) for p in may if p.partition in days
    )
    assert {p.why for p in gone} <= {"disk"}
    freed = sum(p.bytes for p in gone)
    assert freed >= need or len(gone) == len(may)
    assert not days or freed - sum(p.bytes for p in gone if p.partition == days[-1]) < need


def test_how_much_is_too_much() -> None:
    """A5: what is above the share of the disk has to go."""
    assert Disk(1_000, 150).over(0.8) == 50
    assert Disk(1_000, 250).over(0.8) == 0


OLD, FULL = part("spans", TODAY, 1), Expired("spans", "20251101", 1, 1, "disk")
WEEK, DAY = RetentionSettings(), RetentionSettings(span_days=1)


def test_what_is_new_waits_and_what_is_known_goes() -> None:
    """A5: a changed rule and a day that the disk drives out wait for an hour; unchanged rules go on by age at once."""
    first = announce(Announced(), WEEK, [OLD], 0)
    assert due(first, [OLD], NOTICE_US - 1) == []
    assert due(first, [OLD], NOTICE_US) == [OLD]
    same = announce(first, WEEK, [OLD, FULL], 2 * NOTICE_US)
    assert due(same, [OLD, FULL], 2 * NOTICE_US) == [OLD]
    assert due(same, [OLD, FULL], 3 * NOTICE_US) == [OLD, FULL]
    changed = announce(same, DAY, [OLD, FULL], 3 * NOTICE_US)
    assert due(changed, [OLD, FULL], 3 * NOTICE_US) == [FULL]
    assert announce(changed, DAY, [OLD], 3 * NOTICE_US).disk == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rules": 1, "since_us": "x", "disk": []}', '{"rules": {}}'])
def test_a_broken_note_is_no_note(tmp_path: Path, text: str) -> None:
    """Bad input: a note that cannot be read delays by an hour, and ends nothing."""
    (tmp_path / "retention.json").write_text(text)
    notice = Notice(tmp_path / "retention.json")
    assert notice.due(WEEK, [OLD], 5) == []
    assert Notice(tmp_path / "retention.json").due(WEEK, [OLD], 5 + NOTICE_US) == [OLD]


def test_a_disk_that_takes_no_note_keeps_nobody_from_making_room(tmp_path: Path) -> None:
    """A5: without a place to write the process remembers what it announced."""
    (tmp_path / "file").write_text("")
    notice = Notice(tmp_path / "file" / "retention.json")
    assert notice.due(WEEK, [OLD], 0) == []
    assert notice.due(WEEK, [OLD], NOTICE_US) == [OLD]


@pytest.fixture(params=["embedded", "server"])
def store(request: pytest.FixtureRequest):
    with store_of(request.param, request) as made:
        yield made


def fill_day(store: ClickHouse, start: int) -> None:
    body = wire_message(wire_row(start % 10**6 + 1, start_us=start))
    ClickHouseWriter(store).write(build_block([Message(0, "native", body)], Plan(0, 1, start)), str(start))


def days_left(store: ClickHouse) -> list[str]:
    day = "toString(toDate(toDateTime(intDiv(start_us, 1000000), 'UTC'))) AS day"
    found = store.ask(f"SELECT DISTINCT {day} FROM {store.database}.spans ORDER BY day")
    return [str(day) for (day,) in found]


def test_a_full_disk_lets_old_days_go_after_a_notice(
    store: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A5: announced at one round, gone at the next; whole days, the newest two stay; a restart forgets nothing."""
    for age in range(4):
        fill_day(store, NOON - age * DAY_US)
    monkeypatch.setattr(disk_share, "disk_of", lambda _: Disk(10**12, 0))
    now = [NOON]

    def keeper() -> Housekeeper:
        notice = Notice(tmp_path / "retention.json")
        return Housekeeper(store, RetentionSettings(disk_share=0.5), clock=lambda: now[0], notice=notice)

    keeper().work(0.0)
    assert days_left(store) == ["2025-11-19", "2025-11-20", "2025-11-21", "2025-11-22"]
    now[0] += round(RETENTION_SECONDS * 1e6)
    keeper().work(0.0)
    assert days_left(store) == ["2025-11-21", "2025-11-22"]


def test_the_disk_of_a_store_is_known(store: ClickHouse) -> None:
    """A5: the engine tells size and room of its disks."""
    disk = disk_share.disk_of(store)
    assert disk.total >= disk.free > 0
