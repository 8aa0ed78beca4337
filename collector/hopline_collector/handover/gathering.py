"""How large a block becomes, and how long a message may wait for one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from hopline_collector.block.core import DECODERS, Counts
from hopline_collector.formats.joined import Decode, joining
from hopline_collector.handover.lanes import Lane

_ROW_BYTES: Final = 190.0
"""First guess of bytes per row; corrected by what blocks turn out to hold."""

_SMALL: Final = 1 / 40
"""Of the largest block: with fewer rows the fixed cost of an insert is most of what they cost."""

_SMALL_SECONDS: Final = 3.0
"""From one small block to the next, in times of what a block is gathered at least."""

_JOINING: Final = joining(DECODERS)


@dataclass(frozen=True, slots=True)
class HandOverSettings:
    """How large blocks are and how long a message may wait for one."""

    block_rows: int = 80_000
    """Reached only when more waits than comes in a second."""
    block_seconds: float = 1.0
    block_seconds_most: float = 3.0
    """With many partitions, while catching up, and while little comes, blocks are gathered longer: every insert has a
    fixed cost."""
    buffer_bytes: int = 64 * 1024 * 1024
    """Bound of what is read and not yet stored, over all partitions."""
    collector: str = ""
    """Name of this collector in the ledger."""
    strict_trace_ids: bool = True
    """Traces whose ids share the last 64 bits only are different ones."""

    @property
    def decoders(self) -> Mapping[str, Decode]:
        """The decoder of each format."""
        return DECODERS if self.strict_trace_ids else _JOINING


class Pace(NamedTuple):
    """What else bears on how long a partition gathers."""

    active: int
    """Partitions with messages that wait."""
    more_there: bool
    """The log holds more than was read: the partition is catching up."""


class Gathering:
    """Says when a partition has gathered enough, and where its block ends. ``monotonic`` gives seconds."""

    def __init__(self, settings: HandOverSettings, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._row_bytes = _ROW_BYTES

    def learn(self, counts: Counts) -> None:
        """Correct what is known of the size of rows."""
        if counts.received:
            self._row_bytes += 0.3 * (counts.bytes / counts.received - self._row_bytes)

    def seconds_left(self, lane: Lane, pace: Pace) -> float:
        """Seconds until a block is due: 0 or less = now, infinite while nothing waits."""
        if not lane.messages:
            return float("inf")
        if lane.bytes >= self._block_bytes():
            return 0.0
        due = lane.since + self._seconds(pace)
        if lane.bytes < self._block_bytes() * _SMALL:
            due = max(due, lane.ended + self._between_small_blocks())
        return due - self._monotonic()

    def cut(self, lane: Lane) -> int:
        """The end of the next block: as many messages as fit, at least one."""
        room = self._block_bytes()
        for message in lane.messages:
            end = message.offset + 1
            room -= len(message.body)
            if room <= 0:
                break
        return end

    def _block_bytes(self) -> float:
        return min(self._settings.block_rows * self._row_bytes, self._settings.buffer_bytes / 4)

    def _seconds(self, pace: Pace) -> float:
        """Longer with many partitions, and while catching up, when more is there at once."""
        if pace.more_there:
            return self._settings.block_seconds_most
        spread = self._settings.block_seconds * pace.active / 2
        return min(max(self._settings.block_seconds, spread), self._settings.block_seconds_most)

    def _between_small_blocks(self) -> float:
        """What comes after a pause does not wait for it: only a steady trickle is gathered so long."""
        return min(_SMALL_SECONDS * self._settings.block_seconds, self._settings.block_seconds_most)
