"""An intake that keeps what it takes in memory."""

from typing import Any

from hopline_collector.block.core import Message, build_block
from hopline_collector.door.intake import Entry
from hopline_collector.handover.plan import Plan
from hopline_collector.sources.journal import Batch


class MemoryIntake:
    """``entries`` are what receivers made durable, ``rows()`` those that the store would get."""

    def __init__(self, error: Exception | None = None) -> None:
        self.entries: list[Entry] = []
        self.batches: dict[str, bytes] = {}
        self._error = error

    def accept(self, entries: Any, batch: Batch | None) -> None:
        if self._error is not None:
            raise self._error
        self.entries += entries
        if batch is not None:
            self.batches[batch.id] = batch.answer

    def answer_of(self, batch_id: str, _now: int) -> bytes | None:
        return self.batches.get(batch_id)

    def rows(self) -> list[dict[str, Any]]:
        messages = [Message(offset, *entry) for offset, entry in enumerate(self.entries)]
        block = build_block(messages, Plan(0, len(messages) + 1, 1_800_000_000_000_000))
        assert block.dead == []
        columns = block.columns
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
