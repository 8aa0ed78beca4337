"""One partition on its way through the hand-over."""

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from hopline_collector.block.core import Block, Message
from hopline_collector.handover.plan import Plan
from hopline_collector.handover.resume import Committed, Log
from hopline_collector.sources.source import PartitionKey

RETRY_FIRST: Final = 0.1
"""Seconds before the first repetition of what failed."""


@dataclass(slots=True)
class Lane:
    """Where a partition stands: what waits, what is planned, what is being stored, what is wrong."""

    key: PartitionKey
    epoch: int
    start: int
    """Where the next block begins: everything before it is accounted for."""
    committed: Committed | None = None
    """As it was when the partition was assigned."""
    reached: int = 0
    """The offset after the last message that was taken in: what comes before it came already."""
    plan: Plan | None = None
    block: Block | None = None
    storing: Future[None] | None = None
    """The insert of ``block`` that is under way."""
    storing_since: float = 0.0
    """When it began, on the monotonic clock."""
    done_at: dict[str, float] = field(default_factory=dict)
    """Step -> when it was done last, or when there was last nothing to do, on the monotonic clock."""
    messages: deque[Message] = field(default_factory=deque)
    bytes: int = 0
    since: float = 0.0
    """When the oldest waiting message came, on the monotonic clock."""
    ended: float = float("-inf")
    """When the last block was stored and committed, on the monotonic clock."""
    opened: bool = False
    """The ledger was asked where to begin."""
    log: Log = field(default_factory=Log)
    paused: bool = False
    away: bool = False
    """The store or the source did not answer the last call."""
    failures: int = 0
    retry_at: float = 0.0
    retry_after: float = RETRY_FIRST
    trouble: str = ""
    """Why nothing moves, empty when all is well."""
    stopped: bool = False

    @property
    def idle(self) -> bool:
        """Whether nothing that was read waits."""
        return not self.messages and self.plan is None

    def behind(self, end: int) -> int:
        """How many offsets of a log that ends at ``end`` are not handed over; markers of transactions do not count."""
        return max(end - (self.reached if self.idle else self.start), 0)
