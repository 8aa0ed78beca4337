"""Endpoint ``none:``: ids and headers travel, rows go nowhere."""

from hopline.counts import Counts
from hopline.transports.base import Batch


class DiscardTransport:
    """Counts the rows and forgets them."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def send(self, batch: Batch) -> None:
        """Forget the rows."""
        self._counts.add("dropped.discarded", batch.counted)

    def flush(self, timeout: float) -> bool:  # noqa: ARG002 - nothing is ever under way
        """Nothing is ever under way."""
        return True

    def after_fork(self) -> None:
        """Nothing to forget."""

    def close(self, timeout: float) -> None:
        """Nothing to close."""
