"""The ledger: one row per block, from which everything that ever came in is accounted for.

For every row, and so for every sum of rows::

    received = stored + dead + sampled_out + duplicate + sum(rejected)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hopline_collector.block.core import Counts


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What became of the messages from ``start`` up to, not including, ``end`` of one partition."""

    source: str
    topic: str
    partition: int
    start: int
    end: int
    arrived: int
    counts: Counts = field(default_factory=Counts)
    gap: bool = False
    """Nobody will read this range: its rows are lost."""
    collector: str = ""
    log: str = ""
    """Identity of the log: a topic and its offsets may come again."""
    why: str = ""
    """Of a gap: ``expired`` or ``skipped``."""


def balanced(counts: Counts) -> bool:
    """Whether the accounting identity holds."""
    parts = counts.stored + counts.dead + counts.sampled_out + counts.duplicate + counts.rejected.total()
    return counts.received == parts


def flaws(ranges: Iterable[tuple[int, int]]) -> Iterator[str]:
    """What keeps the ranges ``(start, end)`` of one partition from tiling it: holes and overlaps."""
    reached: int | None = None
    for start, end in sorted(ranges):
        if reached is not None and start > reached:
            yield f"nothing accounts for {reached} to {start}"
        if reached is not None and start < reached:
            yield f"{start} to {min(end, reached)} is accounted for twice"
        reached = end if reached is None else max(reached, end)
