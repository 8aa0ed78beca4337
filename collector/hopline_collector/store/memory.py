"""A store in memory that keeps the promise of :class:`SpanWriter`: for tests and trials."""

from typing import Any

from hopline_collector.core import Block, DeadLetter
from hopline_collector.formats import Report
from hopline_collector.ledger import LedgerEntry


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

    def ledger_end(self, source: str, topic: str, partition: int) -> int:
        """The end of the last range in the ledger, 0 when there is none."""
        wanted = (source, topic, partition)
        return max((e.end for e in self.ledger if (e.source, e.topic, e.partition) == wanted), default=0)

    def check(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing to let go of."""
