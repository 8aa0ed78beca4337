"""Repetitions that come when the store has forgotten the block: exact all the same."""

from pathlib import Path
from typing import Any

import pytest

from hopline_collector.block.core import Block
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.window import YOUNG_US
from hopline_collector.sources.journal import Journal
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreAwayError
from hopline_collector.store.writer import ClickHouseWriter
from support.oracle import differences, rows_of
from support.wire_rows import NOW, wire_message, wire_row

SETTINGS = HandOverSettings(block_seconds=0.0)
WINDOW = 4


class Interrupted(ClickHouseWriter):
    """Loses its store right before or right after the rows are inserted."""

    def __init__(self, store: ClickHouse, *, after: bool) -> None:
        super().__init__(store)
        self._after = after

    def write(self, block: Block, token: str) -> None:
        if self._after:
            super().write(block, token)
        raise StoreAwayError("away")


@pytest.fixture
def forgetful(engine: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> ClickHouse:
    """A store whose tables remember four blocks."""
    monkeypatch.setattr("hopline_collector.store.writer.DEDUPLICATION_WINDOW", WINDOW)
    tables = engine.ask(
        f"SELECT name FROM system.tables WHERE database = '{engine.database}' AND engine LIKE '%MergeTree'"
        " AND engine_full LIKE '%deduplication_window%'"
    )
    for (table,) in tables:
        engine.define(
            f"ALTER TABLE {engine.database}.{table} MODIFY SETTING non_replicated_deduplication_window = {WINDOW}"
        )
    return engine


def messages(first: int) -> bytes:
    return wire_message(*[wire_row(number) for number in range(first, first + 3)])


def hand_over(journal: Journal, writer: Any, now: int) -> None:
    line = HandOver(journal, writer, SETTINGS, clock=lambda: now)
    for _ in range(8):
        line.step(0.0)


def others(store: ClickHouse, folder: Path) -> list[bytes]:
    """Blocks of a second journal, more than the tables remember."""
    journal, bodies = Journal(folder / "other.sqlite"), []
    for number in range(WINDOW + 2):
        bodies.append(messages(100 + 10 * number))
        journal.append([("native", bodies[-1])])
        hand_over(journal, ClickHouseWriter(store), NOW + 1 + number)
        again = Journal(folder / "other.sqlite")
        journal.close()
        journal = again
    journal.close()
    return bodies


@pytest.mark.parametrize("after", [True, False])
def test_a_block_that_was_forgotten_is_stored_once(forgetful: ClickHouse, tmp_path: Path, after: bool) -> None:
    """K2: killed before or after the rows, repeated when the tables remember neither; every table equals the oracle."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.append([("native", messages(1))])
    hand_over(journal, Interrupted(forgetful, after=after), NOW)
    journal.close()
    bodies = others(forgetful, tmp_path)
    journal = Journal(path)
    hand_over(journal, ClickHouseWriter(forgetful), NOW + 2 * YOUNG_US)
    assert differences(forgetful, rows_of([messages(1), *bodies], NOW)) == {}
    ranges = forgetful.ask(
        f"SELECT start_offset, end_offset FROM {forgetful.database}.ledger"
        " WHERE topic = {topic:String} ORDER BY start_offset",
        {"topic": journal.key.topic},
    )
    assert ranges == [(1, 2)]
    journal.close()


class Shards(ClickHouseWriter):
    """Stores a part of the first block, as when one of several shards was away."""

    def __init__(self, store: ClickHouse) -> None:
        super().__init__(store)
        self.whole: list[int] = []

    def write(self, block: Block, token: str) -> None:
        self.whole.append(block.rows)
        part = {name: values[:1] for name, values in block.columns.items()}
        super().write(Block(part, 1, [], [], block.counts), token)
        raise StoreAwayError("a shard is away")

    def account(self, entry: LedgerEntry, block: Block, token: str) -> None:
        raise AssertionError("a block in part is not accounted for")


def test_of_a_block_that_is_there_in_part_the_rest_is_stored(forgetful: ClickHouse, tmp_path: Path) -> None:
    """K2: what is missing is found row by row, and only that is inserted."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.append([("native", messages(1))])
    first = Shards(forgetful)
    hand_over(journal, first, NOW)
    journal.close()
    bodies = others(forgetful, tmp_path)
    journal = Journal(path)
    hand_over(journal, ClickHouseWriter(forgetful), NOW + 2 * YOUNG_US)
    assert first.whole[0] == 3
    assert differences(forgetful, rows_of([messages(1), *bodies], NOW)) == {}
    journal.close()
