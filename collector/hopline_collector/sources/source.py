"""Where messages come from: a Kafka partition or the local journal, behind one interface.

A source hands out messages by partition from the committed offset on, stores a
position (an offset and a text) per partition, and says when a partition comes and
goes. Everything is called from the one thread that hands over.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hopline_collector.block.core import Message


class SourceError(Exception):
    """A call to the source did not succeed; the same again may."""


class PartitionKey(NamedTuple):
    """Names one partition."""

    topic: str
    number: int


class Position(NamedTuple):
    """What is committed for a partition."""

    offset: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """A partition is ours from now on, under ``epoch``."""

    key: PartitionKey
    epoch: int
    position: Position | None
    """What is committed; None = nothing ever was."""
    log_start: int
    """The oldest offset that the log still holds."""
    log_end: int
    log: str = ""
    """Identity of the log where the topic's name is not enough: names and offsets come again."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A partition is no longer ours."""

    key: PartitionKey


@dataclass(frozen=True, slots=True)
class Arrived:
    """Messages of one partition, in order, following those that arrived before."""

    key: PartitionKey
    messages: list[Message]


Event = Assigned | Revoked | Arrived


class Source(Protocol):
    """One way in. ``name`` is the ledger's ``source``."""

    name: str

    def poll(self, timeout: float) -> list[Event]:
        """What happened, waiting up to ``timeout`` seconds for something. Raises :class:`SourceError`."""

    def epoch(self, key: PartitionKey) -> int:
        """The number of the partition's present assignment, 0 when it is not ours."""

    def position(self, key: PartitionKey) -> int:
        """The offset after the last message that was read, delivered or not there to deliver."""

    def commit(self, key: PartitionKey, position: Position) -> None:
        """Store the partition's position durably. Raises :class:`SourceError`."""

    def seek(self, key: PartitionKey, offset: int) -> None:
        """Go on reading at ``offset``."""

    def pause(self, key: PartitionKey) -> None:
        """Deliver nothing of this partition for now."""

    def resume(self, key: PartitionKey) -> None:
        """Deliver again."""

    def ends(self) -> dict[PartitionKey, int]:
        """The offset after the newest message of each partition that is ours. Raises :class:`SourceError`."""

    def close(self) -> None:
        """Leave, so that others can take over at once."""
