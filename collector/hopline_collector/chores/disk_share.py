"""Retention by the share of the disk: when it is fuller than allowed, the oldest days of traces go before their time.

Whole days go, of every table that lives as long as the rows, so that no trace is half there. Yesterday and today stay
whatever the disk says, and so do figures: they are small.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from hopline_collector.chores.retention import ROW_TABLES, Expired, last_day, partitions
from hopline_collector.store.clickhouse import ClickHouse

_STAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Disk:
    """The store's disks, in bytes."""

    total: int
    free: int

    def over(self, share: float) -> int:
        """Bytes that have to go for no more than `share` of it to be full."""
        return max(0, self.total - self.free - int(share * self.total))


def disk_of(store: ClickHouse) -> Disk:
    """The disks of the store's one server. Raises StoreError."""
    ((total, free),) = store.ask("SELECT sum(total_space), sum(unreserved_space) FROM system.disks")
    return Disk(int(total), int(free))


def plan(store: ClickHouse, share: float, today: date, leaving: Iterable[Expired] = ()) -> list[Expired]:
    """What goes because the disk is fuller than `share` (0: nothing ever), beside what is `leaving` anyway."""
    if not share:
        return []
    gone = list(leaving)
    need = disk_of(store).over(share) - sum(part.bytes for part in gone)
    known = {(part.table, part.partition) for part in gone}
    return oldest_days([p for p in partitions(store) if (p.table, p.partition) not in known], need, today)


def oldest_days(found: Iterable[Expired], need: int, today: date) -> list[Expired]:
    """The partitions of the fewest oldest days that hold `need` bytes. Pure."""
    days: dict[date, list[Expired]] = {}
    for part in found:
        day = last_day(part.partition)
        if part.table in ROW_TABLES and day is not None and day < today - _STAY:
            days.setdefault(day, []).append(replace(part, why="disk"))
    gone: list[Expired] = []
    for day in sorted(days):
        if need <= 0:
            break
        gone += days[day]
        need -= sum(part.bytes for part in days[day])
    return gone
