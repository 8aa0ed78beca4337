"""One partition on its way through the hand-over."""

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from hopline_collector.core import Block, Message
from hopline_collector.plan import Plan
from hopline_collector.source import PartitionKey

RETRY_FIRST: Final = 0.1
"""Seconds before the first repetition of what failed."""


@dataclass(slots=True)
class Lane:
    """Where a partition stands: what waits, what is planned, what is being stored, what is wrong."""

    key: PartitionKey
    epoch: int
    start: int
    """The committed offset: where the next block begins."""
    reached: int = 0
    """The offset after the last message that was taken in: what comes before it came already."""
    plan: Plan | None = None
    block: Block | None = None
    storing: Future[None] | None = None
    """The insert of ``block`` that is under way."""
    messages: deque[Message] = field(default_factory=deque)
    bytes: int = 0
    since: float = 0.0
    """When the oldest waiting message came, on the monotonic clock."""
    opened: bool = False
    """The ledger was asked where to begin."""
    log_start: int = 0
    log_end: int = 0
    paused: bool = False
    away: bool = False
    """The store or the source did not answer the last call."""
    failures: int = 0
    retry_at: float = 0.0
    retry_after: float = RETRY_FIRST
    trouble: str = ""
    """Why nothing moves, empty when all is well."""
    stopped: bool = False
