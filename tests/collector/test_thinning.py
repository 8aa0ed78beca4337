"""Thinning by age: whole traces, chosen by rule, resumable at any step."""

import contextlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from hopline_collector.core import Message, build_block
from hopline_collector.plan import Plan
from hopline_collector.store import archive
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.thinning import TABLES, ThinningSettings, thin
from hopline_collector.store.writer import ClickHouseWriter
from support.wire_rows import wire_message, wire_row

DAY = 86_400_000_000
MIDNIGHT = 1_763_769_600_000_000
"""2025-11-22."""
RULES = ThinningSettings(days=8, slow_us=1_000_000, share=0, uids=("vip",))
NOW = MIDNIGHT + 8 * DAY
OLD = date(2025, 11, 21)


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


def test_whole_traces_stay_or_go_and_figures_stay(engine: ClickHouse) -> None:
    """C7: errors, slow, debug, chosen users, pinned and young ones stay; the others go from every table."""
    fill(engine)
    before = figures(engine)
    assert [(found.day, found.traces) for found in thin(engine, RULES, NOW)] == [(OLD, 3)]
    for table in ("spans", "spans_by_service", "traces"):
        assert left(engine, table) == [2, 3, 4, 5, 6, 8]
    assert left(engine, "links_to") == []
    assert figures(engine) == before
    assert thin(engine, RULES, NOW) == []


def test_rules_may_change_later(engine: ClickHouse) -> None:
    """C7: a stricter rule is applied to days that are done; a share of all stays by its hash."""
    fill(engine)
    thin(engine, ThinningSettings(days=8, share=1_000_000), NOW)
    assert len(left(engine)) == 9
    thin(engine, RULES, NOW)
    assert left(engine) == [2, 3, 4, 5, 6, 8]


def test_nothing_is_thinned_while_rows_may_arrive(engine: ClickHouse) -> None:
    """C7: 8 days or more, or never."""
    fill(engine)
    assert thin(engine, ThinningSettings(), NOW + 900 * DAY) == []
    assert thin(engine, RULES, NOW - DAY) == []
    with pytest.raises(ValueError, match="8 and more"):
        ThinningSettings(days=7)


class Death(BaseException):
    """The process is gone at this call."""


class Mortal:
    """A store whose user dies at the `fatal`th statement that writes, before or after it took effect."""

    def __init__(self, store: ClickHouse, fatal: int, *, before: bool) -> None:
        self.settings, self.database, self.reader = store.settings, store.database, store.reader
        self._store, self._fatal, self._before = store, fatal, before

    @contextlib.contextmanager
    def writer(self) -> Iterator[Any]:
        self._fatal -= 1
        if self._before and not self._fatal:
            raise Death
        with self._store.writer() as handle:
            yield handle
        if not self._before and not self._fatal:
            raise Death


def test_a_death_at_any_step_is_made_good(engine: ClickHouse) -> None:
    """C7: one death after the other at every statement; the end is as without, and nothing else is touched."""
    fill(engine)
    before = figures(engine)
    for fatal in range(1, len(TABLES) + 4):
        with contextlib.suppress(Death):
            thin(Mortal(engine, fatal, before=fatal % 2 == 0), RULES, NOW + fatal)  # type: ignore[arg-type]
    thin(engine, RULES, NOW + 99)
    assert left(engine) == left(engine, "traces") == left(engine, "spans_by_service") == [2, 3, 4, 5, 6, 8]
    assert figures(engine) == before
    assert thin(engine, RULES, NOW + 100) == []
