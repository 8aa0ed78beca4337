"""Retention: whole partitions are dropped once they are old enough, deterministically and at once.

When a partition goes is decided here and can be shown beforehand (:func:`plan`). Only
the tables of alerts have a TTL instead: a change is told once because its token is known,
and tokens are known within one partition.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from hopline_collector.audit import Record
from hopline_collector.store.clickhouse import ClickHouse

ROW_TABLES: Final = (
    *("spans", "spans_by_service", "traces_by_uid", "traces", "links_to", "closed_traces", "thinned", "stats_10s"),
    *("reports", "settled", "settled_stale", "settled_calls", "settled_causes"),
    *("span_names", "service_names", "operation_names"),
)
"""Kept as long as the rows themselves."""

FIGURE_TABLES: Final = (
    *("stats_1m", "stats_1h", "stats_instance_1m", "edges_1m", "edges_1h", "error_groups", "operations", "instances"),
    *("services_1m", "services_1h", "called_1m", "called_1h", "stats_instance_1h"),
    *("tag_values", "attr_keys", "call_buckets", "paired_edges", "paired_buckets", "ledger", "replays", "thinnings"),
    *("arrival_buckets", "settled_buckets"),
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
    disk_share: float = 0.0
    """How full the disk may be before the oldest days of traces go, 0 to 1; 0: they go by age alone."""


@dataclass(frozen=True, slots=True)
class Expired:
    """A partition that may go."""

    table: str
    partition: str
    rows: int
    bytes: int
    why: str = "days"
    """``days``: it is old enough; ``disk``: the disk is fuller than allowed."""


def days_of(settings: RetentionSettings) -> Mapping[str, int]:
    """Table -> days. Tables that are not named here keep everything."""
    return {
        **dict.fromkeys(ROW_TABLES, settings.span_days),
        **dict.fromkeys(FIGURE_TABLES, settings.figure_days),
        "dead_letters": settings.dead_letter_days,
        "call_sides": max(settings.span_days, PAIRING_DAYS),
        "arrivals": max(settings.span_days, PAIRING_DAYS),
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
    """What is older than the rules keep it."""
    return list(_expired(partitions(store), days_of(settings), today))


def partitions(store: ClickHouse) -> list[Expired]:
    """Every partition that holds anything. Raises StoreError."""
    rows = store.ask(
        f"SELECT table, partition_id, sum(rows), sum(bytes_on_disk) FROM {store.settings.system('parts')}"
        " WHERE database = {home:String} AND active GROUP BY table, partition_id ORDER BY table, partition_id",
        {"home": store.settings.home},
    )
    return [Expired(*row) for row in rows]


def apply(store: ClickHouse, settings: RetentionSettings, today: date) -> list[Expired]:
    """Drop every partition whose last day is older than its table is kept. Safe to repeat and to race."""
    gone = plan(store, settings, today)
    drop(store, gone)
    return gone


def drop(store: ClickHouse, gone: Iterable[Expired]) -> None:
    """Drop partitions of a plan. Safe to repeat and to race. Raises StoreError."""
    for partition in gone:
        # Names from our own list, digits from the pattern: nothing here comes from outside.
        table = f"{store.settings.home}.{partition.table} $on_cluster"
        store.define(f"ALTER TABLE {table} DROP PARTITION ID '{partition.partition}'")


def record_drops(record: Record, gone: Iterable[Expired]) -> None:
    """A line of the audit log for each table that lost something."""
    tables: dict[str, list[Expired]] = {}
    for partition in gone:
        tables.setdefault(partition.table, []).append(partition)
    for table, dropped in tables.items():
        names = [partition.partition for partition in dropped]
        rows = sum(partition.rows for partition in dropped)
        record("retention", table=table, partitions=names, rows=rows, why=dropped[0].why)


def _expired(partitions: Iterable[Expired], days: Mapping[str, int], today: date) -> Iterable[Expired]:
    for partition in partitions:
        kept, last = days.get(partition.table), last_day(partition.partition)
        if kept is not None and last is not None and last < today - timedelta(days=kept):
            yield partition
