"""Rows kept in this process, the newest of them: for tests and trials."""

from collections import deque
from typing import Final

from hopline.counts import Counts
from hopline.model import Row
from hopline.rows import to_row
from hopline.transports.base import Batch

DEFAULT_ROWS: Final = 100_000


class MemoryTransport:
    """Keeps the last ``capacity`` rows."""

    def __init__(self, counts: Counts, capacity: int = DEFAULT_ROWS) -> None:
        self.rows: deque[Row] = deque(maxlen=capacity)
        self._counts = counts

    def send(self, batch: Batch) -> None:
        """Keep the rows."""
        self.rows.extend(to_row(span, batch.process) for span in batch.spans)
        self._counts.add("sent", batch.counted)

    def flush(self, timeout: float) -> bool:  # noqa: ARG002 - nothing is ever under way
        """Nothing is ever under way."""
        return True

    def after_fork(self) -> None:
        """Forget the parent's rows."""
        self.rows.clear()

    def close(self, timeout: float) -> None:
        """Keep the rows: tests look at them afterwards."""
