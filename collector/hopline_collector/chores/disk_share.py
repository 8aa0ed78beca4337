"""Retention by the share of the disk: when it is fuller than allowed, the oldest days of traces go before their time.

Whole days go, of every table that lives as long as the rows and of every server, so that no trace is half there.
Yesterday and today stay whatever the disk says, and so do figures: they are small.
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from hopline_collector.chores.retention import ROW_TABLES, Expired, last_day, partitions
from hopline_collector.store.clickhouse import ClickHouse

_STAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Disk:
    """The disks of one server, in bytes."""

    total: int
    free: int

    def over(self, share: float) -> int:
        """Bytes that have to go for no more than `share` of it to be full."""
        return max(0, self.total - self.free - int(share * self.total))


Part = tuple[str, str]
"""Table and partition."""


def disks(store: ClickHouse) -> dict[int, Disk]:
    """The disks of each server of the store, by its number. Raises StoreError."""
    found = store.ask(
        "SELECT shardNum() AS server, sum(total_space), sum(unreserved_space)"
        f" FROM {store.settings.everywhere('disks')} GROUP BY server"
    )
    return {int(server): Disk(int(total), int(free)) for server, total, free in found}


def held(store: ClickHouse) -> dict[int, dict[Part, int]]:
    """Bytes of each partition on each server, by its number. Raises StoreError."""
    found = store.ask(
        "SELECT shardNum() AS server, table, partition_id, sum(bytes_on_disk)"
        f" FROM {store.settings.everywhere('parts')}"
        " WHERE database = {home:String} AND active GROUP BY server, table, partition_id",
        {"home": store.settings.home},
    )
    servers: dict[int, dict[Part, int]] = {}
    for server, table, partition, size in found:
        servers.setdefault(int(server), {})[table, partition] = int(size)
    return servers


def plan(store: ClickHouse, share: float, today: date, leaving: Collection[Expired] = ()) -> list[Expired]:
    """What goes because a server's disk is fuller than `share` (0: nothing ever), beside what is `leaving` anyway."""
    if not share:
        return []
    need = {server: disk.over(share) for server, disk in disks(store).items()}
    gone = {(part.table, part.partition) for part in leaving}
    days = oldest_days(held(store), need, gone, today)
    return [
        replace(part, why="disk")
        for part in partitions(store)
        if part.table in ROW_TABLES and last_day(part.partition) in days and (part.table, part.partition) not in gone
    ]


def oldest_days(
    servers: Mapping[int, Mapping[Part, int]], need: Mapping[int, int], leaving: AbstractSet[Part], today: date
) -> set[date]:
    """The days that go, the oldest first, until every server gets the bytes that it needs. Pure.

    What is `leaving` anyway counts towards the need. A day that holds nothing of a server in need stays.
    """
    left = {server: need.get(server, 0) - sum(sizes.get(p, 0) for p in leaving) for server, sizes in servers.items()}
    days: dict[date, dict[int, int]] = {}
    for server, sizes in servers.items():
        for part in sizes.keys() - leaving:
            day = last_day(part[1])
            if part[0] in ROW_TABLES and day is not None and day < today - _STAY:
                freed = days.setdefault(day, {})
                freed[server] = freed.get(server, 0) + sizes[part]
    gone: set[date] = set()
    for day in sorted(days):
        if any(left[server] > 0 for server in days[day]):
            gone.add(day)
            left.update({server: left[server] - size for server, size in days[day].items()})
    return gone
