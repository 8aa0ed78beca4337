"""Traces of an old day, one for each reason to stay when it is thinned, and what is left of them."""

from typing import Any

from hopline_collector.block.core import Message, build_block
from hopline_collector.chores import archive
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.writer import ClickHouseWriter
from support.wire_rows import wire_message, wire_row

DAY = 86_400_000_000
MIDNIGHT = 1_763_769_600_000_000
"""2025-11-22."""
THINNED_AT = MIDNIGHT + 8 * DAY


def trace(number: int) -> bytes:
    return (number << 8).to_bytes(16, "big")


def fill(engine: ClickHouse) -> None:
    """A trace of two rows for each reason to stay, plain ones, one across midnight and one too young."""
    noon, late = MIDNIGHT - DAY // 2, MIDNIGHT - 5
    changes: dict[int, dict[str, Any]] = {
        1: {},
        2: {"flags": 9, "error_type": "Timeout"},
        3: {"duration_us": 2_000_000},
        4: {"flags": 3},
        5: {"uid": "vip"},
        6: {},
        7: {},
        8: {"start_us": MIDNIGHT + DAY},
        9: {"links": [[trace(2), 4, 1]]},
    }
    for number, change in changes.items():
        first = wire_row(number, trace_id=trace(number), **{"start_us": noon, **change})
        second_at = MIDNIGHT + 5 if number == 7 else change.get("start_us", noon) + 1
        second = wire_row(number + 100, trace_id=trace(number), start_us=second_at, parent_id=number)
        if number == 7:
            first = wire_row(7, trace_id=trace(7), start_us=late)
        for place, row in enumerate((first, second)):
            block = build_block([Message(0, "native", wire_message(row))], Plan(0, 1, MIDNIGHT + 2 * DAY))
            ClickHouseWriter(engine).write(block, f"{number}/{place}")
    archive.pin(engine, trace(6).hex())


def left(engine: ClickHouse, table: str = "spans") -> list[int]:
    with engine.reader() as handle:
        rows = handle.query(f"SELECT DISTINCT hex(trace_id) FROM {engine.database}.{table} ORDER BY 1").result_rows
    return [int(text, 16) >> 8 for (text,) in rows]


def figures(engine: ClickHouse) -> Any:
    with engine.reader() as handle:
        return handle.query(
            f"SELECT sum(calls), sum(rows), (SELECT sum(calls) FROM {engine.database}.edges_1m)"
            f" FROM {engine.database}.stats_1m"
        ).result_rows
