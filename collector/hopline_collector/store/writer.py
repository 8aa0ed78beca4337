"""The writing half of the store."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, Protocol

from hopline.model import PROCESS_FIELDS
from hopline_collector.block.core import INGEST_COLUMNS, Block
from hopline_collector.chores.days import by_days
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError, StoreRefusedError
from hopline_collector.store.table_settings import DEDUPLICATION_WINDOW

_OF_LOG: Final = (
    "source = {source:String} AND topic = {topic:String} AND partition = {partition:UInt32} AND log = {log:String}"
)


RowName = tuple[bytes, int, str]
"""Trace id, id and kind, of which a block has no two rows."""


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

    def ledger_end(self, source: str, topic: str, partition: int, log: str = "") -> int:
        """The end of the log's last range in the ledger, 0 when there is none."""

    def accounted(self, source: str, topic: str, partition: int, plan: Plan) -> bool:
        """Whether the plan's own row is in the ledger: it is the last thing stored of a block."""

    def forgets(self, since_us: int) -> bool:
        """Whether a block of then may not be recognised any more, because so many came since."""

    def rows_of(self, arrived: int, from_us: int, to_us: int) -> Container[RowName]:
        """Names of the rows with this ``arrived`` and a start between the two, both included."""

    def check(self) -> None:
        """Return when the store can be written to; raise :class:`StoreError` otherwise."""

    def close(self) -> None:
        """Let go of every connection."""


class ClickHouseWriter:
    """Writes to the ``ingest`` table, from which views feed all others."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store

    def write(self, block: Block, token: str) -> None:
        """See :class:`SpanWriter`."""
        columns = [block.columns[name] for name in INGEST_COLUMNS] if block.rows else []
        for number, (part, part_token) in enumerate(by_days(columns, token) if columns else ()):
            try:
                self._store.insert("ingest", dict(zip(INGEST_COLUMNS, part, strict=True)), part_token)
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
                    self._store.insert(table, columns_of(rows), token)
            self._store.insert("ledger", columns_of([_ledger_row(entry)]), token)
        except StoreRefusedError as error:
            # The rows are stored by now: another plan for this range would store them again.
            raise StoreError(str(error)) from error

    def ledger_end(self, source: str, topic: str, partition: int, log: str = "") -> int:
        """See :class:`SpanWriter`."""
        place = {"source": source, "topic": topic, "partition": partition, "log": log}
        return int(self._store.ask(f"SELECT max(end_offset) {self._rows_of_log()}", place)[0][0])

    def accounted(self, source: str, topic: str, partition: int, plan: Plan) -> bool:
        """See :class:`SpanWriter`."""
        place = {"source": source, "topic": topic, "partition": partition, "log": plan.log}
        own = " AND end_offset = {end:UInt64} AND arrived = {now:UInt64} AND NOT gap"
        return bool(
            self._store.ask(f"SELECT count() {self._rows_of_log()}{own}", {**place, "end": plan.end, "now": plan.now})[
                0
            ][0]
        )

    def forgets(self, since_us: int) -> bool:
        """See :class:`SpanWriter`. Of the tables that fill up first: those with a partition a day."""
        counted = (
            "SELECT count() FROM (SELECT arrived, toDate(toDateTime(intDiv(start_us, 1000000), 'UTC')) AS day"
            f" FROM {self._store.database}.spans WHERE arrived > {{since:UInt64}} GROUP BY arrived, day)"
        )
        return int(self._store.ask(counted, {"since": since_us})[0][0]) >= DEDUPLICATION_WINDOW // 2

    def rows_of(self, arrived: int, from_us: int, to_us: int) -> Container[RowName]:
        """See :class:`SpanWriter`."""
        found = self._store.ask(
            f"SELECT hex(trace_id), id, kind FROM {self._store.database}.spans"
            " WHERE start_us BETWEEN {from:UInt64} AND {to:UInt64} AND arrived = {arrived:UInt64}",
            {"from": from_us, "to": to_us, "arrived": arrived},
        )
        return {(bytes.fromhex(trace_id), int(number), str(kind)) for trace_id, number, kind in found}

    def _rows_of_log(self) -> str:
        """On a replicated cluster every replica is asked: one that lags would have us read again what is stored."""
        settings = self._store.settings
        ledger = f"{self._store.database}.ledger"
        if settings.on_cluster:
            ledger = f"clusterAllReplicas('{settings.cluster}', {settings.home}.ledger)"
        return f"FROM {ledger} WHERE {_OF_LOG}"

    def check(self) -> None:
        """See :class:`SpanWriter`."""
        self._store.check()

    def close(self) -> None:
        """See :class:`SpanWriter`."""
        self._store.close()


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows with the same names as columns, the way the store takes them."""
    return {name: [row[name] for row in rows] for name in rows[0]}


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
        "log": entry.log,
        "why": entry.why,
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
            "log": entry.log,
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
