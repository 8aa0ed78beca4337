"""Retention: whole partitions are dropped once they are old enough, deterministically and at once.

No TTL is used: when a partition goes is decided here and can be shown beforehand
(:func:`plan`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from hopline_collector.store.clickhouse import ClickHouse

ROW_TABLES: Final = (
    *("spans", "spans_by_service", "traces_by_uid", "traces", "links_to", "closed_traces", "thinned", "stats_10s"),
    "reports",
)
"""Kept as long as the rows themselves."""

FIGURE_TABLES: Final = (
    *("stats_1m", "stats_1h", "stats_instance_1m", "edges_1m", "edges_1h", "error_groups", "operations", "instances"),
    *("tag_values", "call_buckets", "paired_edges", "paired_buckets", "ledger", "replays", "thinnings"),
)
"""Kept as long as the figures."""

PAIRING_DAYS: Final = 9
"""``call_sides`` outlives the oldest row that may still arrive."""

_DAY: Final = re.compile(r"\d{8}")
_MONTH: Final = re.compile(r"\d{6}")


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How many days each kind of table is kept."""

    span_days: int = 7
    figure_days: int = 90
    dead_letter_days: int = 14


@dataclass(frozen=True, slots=True)
class Expired:
    """A partition that may go."""

    table: str
    partition: str
    rows: int
    bytes: int


def days_of(settings: RetentionSettings) -> Mapping[str, int]:
    """Table -> days. Tables that are not named here keep everything."""
    return {
        **dict.fromkeys(ROW_TABLES, settings.span_days),
        **dict.fromkeys(FIGURE_TABLES, settings.figure_days),
        "dead_letters": settings.dead_letter_days,
        "call_sides": max(settings.span_days, PAIRING_DAYS),
    }


def last_day(partition: str) -> date | None:
    """The last day that a partition named YYYYMMDD or YYYYMM holds; None for other names."""
    try:
        if _DAY.fullmatch(partition):
            return datetime.strptime(partition, "%Y%m%d").replace(tzinfo=UTC).date()
        if _MONTH.fullmatch(partition):
            first = datetime.strptime(partition, "%Y%m").replace(tzinfo=UTC).date()
            return (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    except ValueError:
        pass
    return None


def plan(store: ClickHouse, settings: RetentionSettings, today: date) -> list[Expired]:
    """What :func:`apply` would drop."""
    with store.reader() as handle:
        rows = handle.query(
            f"SELECT table, partition_id, sum(rows), sum(bytes_on_disk) FROM {_parts(store)}"
            " WHERE database = {database:String} AND active GROUP BY table, partition_id ORDER BY table, partition_id",
            parameters={"database": home(store)},
        ).result_rows
    return list(_expired((Expired(*row) for row in rows), days_of(settings), today))


def apply(store: ClickHouse, settings: RetentionSettings, today: date) -> list[Expired]:
    """Drop every partition whose last day is older than its table is kept. Safe to repeat and to race."""
    gone = plan(store, settings, today)
    with store.writer() as handle:
        for partition in gone:
            # Names from our own list, digits from the pattern: nothing here comes from outside.
            table = f"{home(store)}.{partition.table}{on_cluster(store)}"
            handle.command(f"ALTER TABLE {table} DROP PARTITION ID '{partition.partition}'")
    return gone


def _expired(partitions: Iterable[Expired], days: Mapping[str, int], today: date) -> Iterable[Expired]:
    for partition in partitions:
        kept, last = days.get(partition.table), last_day(partition.partition)
        if kept is not None and last is not None and last < today - timedelta(days=kept):
            yield partition


def home(store: ClickHouse) -> str:
    """The database that holds the data: on a cluster the local one."""
    return f"{store.database}_local" if store.settings.cluster else store.database


def on_cluster(store: ClickHouse) -> str:
    """What tells a statement about local tables to every shard; empty on one server."""
    return f" ON CLUSTER {store.settings.cluster}" if store.settings.cluster else ""


def _parts(store: ClickHouse) -> str:
    """Where the parts of all shards are listed, one replica of each."""
    return f"cluster('{store.settings.cluster}', system.parts)" if store.settings.cluster else "system.parts"
