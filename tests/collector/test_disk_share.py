"""Retention by the disk, and the notice that everything gets which the clock deletes."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_collector.block.core import Message, build_block
from hopline_collector.chores import disk_share
from hopline_collector.chores.announced import NOTICE_US, Announced, Notice, announce, due
from hopline_collector.chores.disk_share import Disk, Part, oldest_days
from hopline_collector.chores.housekeeping import RETENTION_SECONDS, Housekeeper
from hopline_collector.chores.retention import ROW_TABLES, Expired, RetentionSettings, last_day, partitions
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.writer import ClickHouseWriter
from support.wire_rows import wire_message, wire_row

TODAY = date(2025, 11, 22)
DAY_US = 86_400_000_000
NOON = 1_763_769_600_000_000 + DAY_US // 2


def part(table: str, day: date, size: int) -> Expired:
    return Expired(table, f"{day:%Y%m%d}", 1, size)


DAYS = st.integers(0, 12).map(lambda age: f"{TODAY - timedelta(days=age):%Y%m%d}")
NAMES = st.tuples(st.sampled_from([*ROW_TABLES[:3], "stats_1m", "dead_letters"]), DAYS)
SERVERS = st.dictionaries(st.integers(1, 3), st.dictionaries(NAMES, st.integers(1, 1_000), max_size=30), min_size=1)
NEEDS = st.fixed_dictionaries(dict.fromkeys((1, 2, 3), st.integers(-5, 5_000)))


@given(SERVERS, NEEDS, st.sets(NAMES, max_size=5))
def test_the_fewest_oldest_whole_days_go(
    servers: dict[int, dict[Part, int]], need: dict[int, int], leaving: set[Part]
) -> None:
    """A5: days go oldest first, none in vain, until each server has its need; today, yesterday and figures stay."""
    gone = oldest_days(servers, need, leaving, TODAY)

    def freed(server: int, days: set[date]) -> int:
        sizes = servers[server].items()
        return sum(
            size for part, size in sizes if part in leaving or (part[0] in ROW_TABLES and last_day(part[1]) in days)
        )

    old = {TODAY - timedelta(days=age) for age in range(2, 13)}
    assert gone <= old
    for server in servers:
        assert freed(server, gone) >= need[server] or freed(server, gone) == freed(server, old)
    for day in gone:
        before = {other for other in gone if other < day}
        assert any(freed(s, before) < need[s] and freed(s, {day}) > freed(s, set()) for s in servers)


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


def fill_day(store: ClickHouse, start: int) -> None:
    rows = [wire_row(n, trace_id=(start + n).to_bytes(16, "big"), start_us=start) for n in range(1, 31)]
    body = wire_message(*rows)
    ClickHouseWriter(store).write(build_block([Message(0, "native", body)], Plan(0, 1, start)), str(start))


def days_left(store: ClickHouse) -> list[str]:
    day = "toString(toDate(toDateTime(intDiv(start_us, 1000000), 'UTC'))) AS day"
    found = store.ask(f"SELECT DISTINCT {day} FROM {store.database}.spans ORDER BY day")
    return [str(day) for (day,) in found]


def test_a_full_disk_lets_old_days_go_after_a_notice(
    any_store: ClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A5: announced at one round, gone at the next; days go whole, on every shard; a restart forgets nothing."""
    for age in range(4):
        fill_day(any_store, NOON - age * DAY_US)
    first, *others = sorted(disk_share.disks(any_store))
    full = {first: Disk(10**12, 0), **dict.fromkeys(others, Disk(10**12, 10**12))}
    monkeypatch.setattr(disk_share, "disks", lambda _: full)
    now = [NOON]

    def keeper() -> Housekeeper:
        notice = Notice(tmp_path / "retention.json")
        return Housekeeper(any_store, RetentionSettings(disk_share=0.5), clock=lambda: now[0], notice=notice)

    keeper().work(0.0)
    assert days_left(any_store) == ["2025-11-19", "2025-11-20", "2025-11-21", "2025-11-22"]
    now[0] += round(RETENTION_SECONDS * 1e6)
    keeper().work(0.0)
    assert days_left(any_store) == ["2025-11-21", "2025-11-22"]


def test_the_disks_of_a_store_are_known(any_store: ClickHouse) -> None:
    """A5: each server tells size and room of its disks, and what it holds adds up to the partitions of the store."""
    fill_day(any_store, NOON)
    disks, held = disk_share.disks(any_store), disk_share.held(any_store)
    assert len(disks) == max(1, len(any_store.settings.urls))
    assert all(disk.total >= disk.free > 0 for disk in disks.values())
    assert held.keys() <= disks.keys()
    spans = sum(size for sizes in held.values() for part, size in sizes.items() if part[0] == "spans")
    assert spans == sum(part.bytes for part in partitions(any_store) if part.table == "spans") > 0
