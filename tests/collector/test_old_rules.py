"""Snapshots of rules that go."""

from hopline_collector.chores import old_rules
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.snapshots import ClickHouseSnapshots
from support.waiting import wait_until
from support.wire_rows import NOW


def test_old_snapshots_go_and_the_newest_stay(engine: ClickHouse) -> None:
    """K5: what is old and not among the newest hundred goes; the newest stay however old, the young however many."""
    numbers, old = list(range(1, 251)), NOW - old_rules.KEPT_US - 1
    at = [old if number <= 200 else NOW for number in numbers]
    engine.insert("limits", {"rules": numbers, "at_us": at, "body": ["{}"] * len(numbers)}, "all")
    assert old_rules.drop(engine, NOW) == 150
    snapshots = ClickHouseSnapshots(engine)
    wait_until(lambda: snapshots.read(150) is None, what="the mutation")
    assert old_rules.drop(engine, NOW) == 0
    assert [snapshots.read(number) for number in (151, 200, 250)] == ["{}"] * 3
    assert snapshots.newest() == (250, "{}")
