"""A store in memory that keeps the promise of :class:`SpanWriter`: for tests and trials."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from hopline_collector.block.core import Block, DeadLetter
from hopline_collector.formats import Report
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import Plan
from hopline_collector.store.writer import RowName


class MemoryWriter:
    """Keeps rows as dicts; a token that was seen adds nothing."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.ledger: list[LedgerEntry] = []
        self.dead: list[DeadLetter] = []
        self.reports: list[Report] = []
        self._written: set[str] = set()
        self._accounted: set[str] = set()

    def write(self, block: Block, token: str) -> None:
        """Store every row of ``block`` once per token."""
        if token not in self._written:
            names = list(block.columns)
            self.rows += [dict(zip(names, row, strict=True)) for row in zip(*block.columns.values(), strict=True)]
            self._written.add(token)

    def account(self, entry: LedgerEntry, block: Block, token: str) -> None:
        """Store dead letters, reports and the ledger row once per token."""
        if token not in self._accounted:
            self.dead += block.dead
            self.reports += block.reports
            self.ledger.append(entry)
            self._accounted.add(token)

    def ledger_end(self, source: str, topic: str, partition: int, log: str = "") -> int:
        """The end of the log's last range in the ledger, 0 when there is none."""
        return max((entry.end for entry in self._of(source, topic, partition, log)), default=0)

    def accounted(self, source: str, topic: str, partition: int, plan: Plan) -> bool:
        """Whether the plan's own row is in the ledger."""
        entries = self._of(source, topic, partition, plan.log)
        return any((entry.end, entry.arrived, entry.gap) == (plan.end, plan.now, False) for entry in entries)

    def _of(self, source: str, topic: str, partition: int, log: str) -> list[LedgerEntry]:
        wanted = (source, topic, partition, log)
        return [e for e in self.ledger if (e.source, e.topic, e.partition, e.log) == wanted]

    def forgets(self, since_us: int) -> bool:  # noqa: ARG002  the shape of the real one
        """Nothing is forgotten here."""
        return False

    def rows_of(self, arrived: int, from_us: int, to_us: int) -> Container[RowName]:  # noqa: ARG002  as above
        """Names of the rows with this ``arrived``."""
        return {(row["trace_id"], row["id"], row["kind"]) for row in self.rows if row["arrived"] == arrived}

    def check(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing to let go of."""


class MemorySnapshots:
    """Snapshots in memory (:class:`hopline_collector.rules.rule_book.Snapshots`).

    ``sizes`` and ``in_use`` are set by hand.
    """

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.sizes: dict[bytes, int] = {}
        self.in_use: dict[str, frozenset[str]] = {}
        self.closed: list[bytes] = []

    def newest(self) -> tuple[int, str] | None:
        """The highest number and its text; None before the first."""
        return max(self.texts.items()) if self.texts else None

    def read(self, number: int) -> str | None:
        """The text of a snapshot."""
        return self.texts.get(number)

    def offer(self, number: int, text: str, now_us: int) -> str:  # noqa: ARG002  the shape of the real one
        """Store ``text`` under ``number`` unless that is taken; returns what is stored there."""
        return self.texts.setdefault(number, text)

    def too_large(self, suspects: Iterable[bytes], rows: int, now_us: int) -> set[bytes]:  # noqa: ARG002  as above
        """Traces with ``rows`` rows or more: among ``suspects``, or among all when it is empty."""
        return {trace_id for trace_id in tuple(suspects) or self.sizes if self.sizes.get(trace_id, 0) >= rows}

    def close_traces(self, trace_ids: Iterable[bytes], now_us: int) -> None:  # noqa: ARG002  as above
        """Note the traces."""
        self.closed += sorted(trace_ids)

    def operations_in_use(self, now_us: int) -> Mapping[str, frozenset[str]]:  # noqa: ARG002  as above
        """What was set."""
        return self.in_use
