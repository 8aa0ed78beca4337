"""The writing half of the store."""

import errno
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from hopline.model import PROCESS_FIELDS
from hopline_collector.core import INGEST_COLUMNS, Block
from hopline_collector.ledger import LedgerEntry
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.days import by_days
from hopline_collector.store.errors import StoreAwayError, StoreError, StoreRefusedError
from hopline_collector.store.quick_types import quickened

_AWAY_CODES: Final = frozenset({159, 164, 202, 209, 210, 225, 241, 242, 243, 279, 285, 319, 374, 999})
"""Engine errors that pass: time-outs, memory, disk space, read-only mode, network, coordination."""

_TOO_MANY: Final = 252
"""Shared by "too many parts" (wait) and "too many partitions in one block" (the block is at fault)."""


class SpanWriter(Protocol):
    """Stores blocks. The promise is that of :meth:`write`."""

    def write(self, block: Block, token: str) -> None:
        """Store every row of ``block`` in every table, exactly once per token.

        Returns when all tables have it. After an exception the block may be stored,
        in part or not at all: call again with the same block and token until it
        returns, and no table will hold a row twice. The same token with another
        block is silently ignored, so a token must tell the block exactly.

        Raises :class:`StoreRefusedError` when nothing was written and nothing ever
        will be, :class:`StoreAwayError` when the same call may succeed later.
        """

    def account(self, entry: LedgerEntry, block: Block, token: str) -> None:
        """Store the block's dead letters, its reports and, last, its ledger row; same promise."""

    def ledger_end(self, source: str, topic: str, partition: int) -> int:
        """The end of the last range in the ledger, 0 when there is none."""

    def check(self) -> None:
        """Return when the store can be written to; raise :class:`StoreError` otherwise."""

    def close(self) -> None:
        """Let go of every connection."""


class ClickHouseWriter:
    """Writes to the ``ingest`` table, from which views feed all others."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store
        self._types: dict[str, list[Any]] = {}

    def write(self, block: Block, token: str) -> None:
        """See :class:`SpanWriter`."""
        columns = [block.columns[name] for name in INGEST_COLUMNS] if block.rows else []
        for number, (part, part_token) in enumerate(by_days(columns, token) if columns else ()):
            try:
                self._insert("ingest", INGEST_COLUMNS, part, part_token)
            except StoreRefusedError as error:
                if not number:
                    raise
                # Earlier parts are stored: another plan for this range would store them again.
                raise StoreError(str(error)) from error

    def account(self, entry: LedgerEntry, block: Block, token: str) -> None:
        """See :class:`SpanWriter`."""
        try:
            for table, rows in (("dead_letters", _dead_rows(entry, block)), ("reports", _report_rows(entry, block))):
                if rows:
                    self._insert_rows(table, rows, token)
            self._insert_rows("ledger", [_ledger_row(entry)], token)
        except StoreRefusedError as error:
            # The rows are stored by now: another plan for this range would store them again.
            raise StoreError(str(error)) from error

    def ledger_end(self, source: str, topic: str, partition: int) -> int:
        """See :class:`SpanWriter`."""
        try:
            with self._store.reader() as handle:
                found = handle.query(
                    f"SELECT max(end_offset) FROM {self._store.database}.ledger"
                    " WHERE source = {source:String} AND topic = {topic:String} AND partition = {partition:UInt32}",
                    parameters={"source": source, "topic": topic, "partition": partition},
                )
                return int(found.result_rows[0][0])
        except StoreError:
            raise
        except Exception as error:
            raise translated(error) from error

    def check(self) -> None:
        """See :class:`SpanWriter`."""
        self._store.check()

    def close(self) -> None:
        """See :class:`SpanWriter`."""
        self._store.close()

    def _insert_rows(self, table: str, rows: Sequence[Mapping[str, Any]], token: str) -> None:
        names = tuple(rows[0])
        self._insert(table, names, [[row[name] for row in rows] for name in names], token)

    def _insert(self, table: str, names: Sequence[str], columns: list[list[Any]], token: str) -> None:
        qualified = f"{self._store.database}.{table}"
        try:
            with self._store.writer() as handle:
                context = handle.create_insert_context(
                    qualified,
                    names,
                    column_types=self._column_types(handle, qualified, names),
                    column_oriented=True,
                    settings={
                        "insert_deduplication_token": token,
                        "insert_deduplicate": 1,
                        "deduplicate_blocks_in_dependent_materialized_views": 1,
                        "async_insert": 0,
                    },
                )
                context.data = columns
                # One block of the native format, not one per 2 MB: parsed faster, and never cut differently.
                context.block_row_count = len(columns[0])
                try:
                    handle.data_insert(context)
                finally:
                    # It refers to itself, and would keep the block in memory until Python looks for cycles.
                    vars(context).clear()
        except StoreError:
            raise
        except Exception as error:
            raise translated(error) from error

    def _column_types(self, handle: Any, table: str, names: Sequence[str]) -> list[Any]:
        """Types of the columns, asked for once: a DESCRIBE per insert costs a millisecond."""
        if table not in self._types:
            described = handle.create_insert_context(table, list(names))
            self._types[table] = [quickened(column_type) for column_type in described.column_types]
        return self._types[table]


def translated(error: Exception) -> StoreError:
    """The store error that says what to do about ``error``."""
    from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError

    text = str(error)
    code = getattr(error, "code", None)
    if code == _TOO_MANY:
        return StoreRefusedError(text) if "partitions" in text else StoreAwayError(text)
    # The engine reserves space before it writes, but a neighbour on the same disk may take it in between.
    if code in _AWAY_CODES or "No space left on device" in text:
        return StoreAwayError(text)
    if isinstance(error, OperationalError) or (isinstance(error, OSError) and not isinstance(error, UnicodeError)):
        space = " (no space left for temporary files)" if getattr(error, "errno", 0) == errno.ENOSPC else ""
        return StoreAwayError(text + space)
    # Encoding happens before the first byte reaches the engine.
    if isinstance(error, (DataError, UnicodeError, AttributeError, TypeError, OverflowError, ValueError)):
        return StoreRefusedError(f"{type(error).__name__}: {text}")
    return StoreError(text) if isinstance(error, DatabaseError) else StoreError(f"{type(error).__name__}: {text}")


def _ledger_row(entry: LedgerEntry) -> dict[str, Any]:
    counts = entry.counts
    return {
        "source": entry.source,
        "topic": entry.topic,
        "partition": entry.partition,
        "start_offset": entry.start,
        "end_offset": entry.end,
        "gap": int(entry.gap),
        "arrived": entry.arrived,
        "messages": counts.messages,
        "bytes": counts.bytes,
        "received": counts.received,
        "stored": counts.stored,
        "dead": counts.dead,
        "sampled_out": counts.sampled_out,
        "duplicate": counts.duplicate,
        "rejected": dict(counts.rejected),
        "cut": dict(counts.cut),
        "collector": entry.collector,
    }


def _dead_rows(entry: LedgerEntry, block: Block) -> list[dict[str, Any]]:
    return [
        {
            "arrived": entry.arrived,
            "source": entry.source,
            "topic": entry.topic,
            "partition": entry.partition,
            "offset": letter.offset,
            "index": letter.index,
            "format": letter.format,
            "reason": letter.reason,
            "detail": letter.detail.encode("utf-8", "replace").decode(),
            "raw": letter.raw,
        }
        for letter in block.dead
    ]


def _report_rows(entry: LedgerEntry, block: Block) -> list[dict[str, Any]]:
    return [
        {
            "arrived": entry.arrived,
            "at_us": report.at_us,
            **{name: report.process.get(name, "") for name in (*PROCESS_FIELDS, "library")},
            "recorded": report.recorded,
            "sent": report.sent,
            "dropped": report.dropped,
            "depth": report.depth,
        }
        for report in block.reports
    ]
