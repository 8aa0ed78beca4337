"""Blocks made of fuzzed bodies, stored in a real engine."""

from collections.abc import Sequence
from pathlib import Path

from hopline_collector.block.core import INGEST_COLUMNS, Block, Counts, Message, build_block
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_collector.store.writer import ClickHouseWriter
from support.wire_rows import NOW

MESSAGES = 2_000
"""Of one insert."""


def store_corpus(folder: Path, messages: Sequence[tuple[str, bytes]]) -> int:
    """Store the messages of `(format, body)` in an engine of this process alone; returns how many rows it took."""
    store = ClickHouse(StoreSettings(path=str(folder)))
    migrate(store)
    try:
        return store_messages(store, messages)
    finally:
        store.close()


def store_messages(store: ClickHouse, messages: Sequence[tuple[str, bytes]]) -> int:
    """Store the messages, and look that each table took as many rows as they made."""
    writer = ClickHouseWriter(store)
    rows = dead = 0
    for start in range(0, len(messages), MESSAGES):
        block = _joined([_block(start + i, *item) for i, item in enumerate(messages[start : start + MESSAGES])])
        token = f"fuzz/{start}"
        writer.write(block, token)
        writer.account(LedgerEntry("fuzz", "fuzz", 0, start, start + MESSAGES, NOW, block.counts), block, token)
        rows += block.rows
        dead += len(block.dead)
    for table, expected in (("spans", rows), ("spans_by_service", rows), ("dead_letters", dead)):
        with store.reader() as handle:
            found = int(handle.command(f"SELECT count() FROM {store.database}.{table}"))
        assert found == expected, (table, found, expected)
    return rows


def _block(offset: int, form: str, body: bytes) -> Block:
    return build_block([Message(offset, form, body)], Plan(offset, offset + 1, NOW))


def _joined(blocks: Sequence[Block]) -> Block:
    """One block of all rows: built together, mutations of one span would count as copies of each other."""
    columns = {name: [value for block in blocks for value in block.columns[name]] for name in INGEST_COLUMNS}
    dead = [letter for block in blocks for letter in block.dead]
    reports = [report for block in blocks for report in block.reports]
    return Block(columns, len(columns["id"]), dead, reports, Counts())
