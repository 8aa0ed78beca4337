"""The plug point between the reporter and the world."""

from typing import Protocol

from hopline.spans import Span

Report = dict[str, object]
"""The counters of this process, as docs/wire.md spells them."""


class Batch:
    """What the sender thread hands over at once: ended spans, their limits already applied.

    ``process`` are facts that hold for every row. ``counted`` is how many of the spans count as sent; the others
    are copies of rows still open.
    """

    __slots__ = ("counted", "process", "report", "spans")

    def __init__(self, process: dict[str, str], spans: list[Span], counted: int, report: Report | None = None) -> None:
        self.process = process
        self.spans = spans
        self.counted = counted
        self.report = report


class Transport(Protocol):
    """One verb plus close. Only the sender thread calls it, after a fork a new one."""

    def send(self, batch: Batch) -> None:
        """Take over every row of ``batch``, or none.

        What becomes of the rows is told to the counters (``sent``, ``dropped.<reason>``),
        at once or when the far side has answered.

        Raises:
            TransportUnavailable: away or full; the reporter keeps the batch and tries again.
            BatchRefused: never to be accepted; the reporter counts the rows as lost.

        """

    def flush(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for answers about what was sent; false when some are missing."""

    def after_fork(self) -> None:
        """Forget connections that belong to the parent process."""

    def close(self, timeout: float) -> None:
        """Flush for up to ``timeout`` seconds and let go of everything."""
