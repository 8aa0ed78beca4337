"""Retention: whole partitions go, by table and age, and nothing else."""

from datetime import date
from typing import Any

import pytest

from hopline_collector.block.core import Message, build_block
from hopline_collector.chores import retention
from hopline_collector.chores.housekeeping import Housekeeper
from hopline_collector.chores.retention import RetentionSettings, last_day
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.migrate import migrations
from hopline_collector.store.writer import ClickHouseWriter
from support.wire_rows import wire_message, wire_row

DAY = 86_400_000_000
START = 1_763_769_600_000_000
"""2025-11-22, midnight."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20251122", date(2025, 11, 22)),
        ("202512", date(2025, 12, 31)),
        ("202402", date(2024, 2, 29)),
        ("all", None),
        ("20251399", None),
    ],
)
def test_a_partition_ends_with_its_last_day(name: str, expected: date | None) -> None:
    """C7: days and months; other names are left alone."""
    assert last_day(name) == expected


def store_day(engine: ClickHouse, start: int) -> None:
    body = wire_message(wire_row(1, start_us=start), wire_row(2, start_us=start, flags=9, error_type="x"))
    ClickHouseWriter(engine).write(build_block([Message(0, "native", body)], Plan(0, 1, start)), str(start))


def rows(engine: ClickHouse, table: str) -> int:
    with engine.reader() as handle:
        return int(handle.command(f"SELECT count() FROM {engine.database}.{table}"))


def test_old_rows_go_and_figures_stay_longer(any_store: ClickHouse) -> None:
    """C7: spans by day after a week, figures after a quarter; the plan says so beforehand."""
    for age in (0, 7, 8, 200):
        store_day(any_store, START - age * DAY)
    today = date(2025, 11, 22)
    planned = retention.plan(any_store, RetentionSettings(), today)
    assert retention.apply(any_store, RetentionSettings(), today) == planned
    assert {p.table for p in planned} >= {"spans", "traces", "stats_1h", "edges_1h"}
    assert rows(any_store, "spans") == rows(any_store, "spans_by_service") == 4
    with any_store.reader() as handle:
        days = handle.query(f"SELECT DISTINCT toDate(slot) FROM {any_store.database}.stats_1m ORDER BY 1").result_rows
    assert [day for (day,) in days] == [date(2025, 11, 14), date(2025, 11, 15), date(2025, 11, 22)]
    assert retention.apply(any_store, RetentionSettings(), today) == []


def test_every_table_with_rows_has_a_retention_or_is_meant_to_stay(any_store: ClickHouse) -> None:
    """C7: a table that is added later is not forgotten."""
    made = [
        statement
        for migration in migrations(any_store.settings)
        for statement in migration.statements
        if statement.startswith("CREATE TABLE")
    ]
    tables = {statement.split(".")[1].split()[0] for statement in made}
    by_themselves = {statement.split(".")[1].split()[0] for statement in made if "TTL " in statement}
    emptied_by_its_run, stay = {"erasing"}, {"ingest", "limits", "archive"}
    ruled = set(retention.days_of(RetentionSettings()))
    assert tables - ruled == by_themselves | emptied_by_its_run | stay
    assert by_themselves == {"alert_changes", "alert_deliveries", "alert_leases"}


def test_chores_run_when_due_and_failures_are_not_fatal(any_store: ClickHouse) -> None:
    """C7: the housekeeper drops what is old, and goes on when the store fails."""
    store_day(any_store, START)
    lines: list[dict[str, Any]] = []

    def record(event: str, **facts: Any) -> None:
        lines.append({"event": event, **facts})

    keeper = Housekeeper(any_store, RetentionSettings(), clock=lambda: START + 30 * DAY, record=record)
    keeper.work(0.0)
    assert rows(any_store, "spans") == 0
    assert [(line["event"], line["rows"]) for line in lines if line.get("table") == "spans"] == [("retention", 2)]
    store_day(any_store, START + DAY)
    keeper.work(10.0)
    assert rows(any_store, "spans") == 2
    keeper.work(4_000.0)
    assert rows(any_store, "spans") == 0
