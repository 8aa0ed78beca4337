"""The committed positions of a group that is at rest: looked at, and moved by hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from hopline_collector.sources.kafka_log import CALL_MS, identity_of
from hopline_collector.sources.source import SourceError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group stands in one partition."""

    topic: str
    number: int
    log: str
    committed: int | None
    start: int
    """The oldest offset that the log holds."""
    end: int


class GroupPositions:
    """Positions of ``group`` in ``topics``. Every method raises :class:`SourceError`; close it."""

    def __init__(self, servers: tuple[str, ...], group: str, options: Mapping[str, Any]) -> None:
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=list(servers),
                group_id=group,
                enable_auto_commit=False,
                bootstrap_timeout_ms=CALL_MS,
                **dict(options),
            )
        except KafkaError as error:
            raise SourceError(f"{', '.join(servers)}: {error}") from error

    def places(self, topics: Iterable[str]) -> list[Place]:
        """Every partition of those topics that exist."""
        try:
            found = [
                TopicPartition(topic, number)
                for topic in sorted(topics)
                for number in sorted(self._consumer.partitions_for_topic(topic) or ())
            ]
            if not found:
                return []
            starts = self._consumer.beginning_offsets(found, timeout_ms=CALL_MS)
            ends = self._consumer.end_offsets(found, timeout_ms=CALL_MS)
            return [
                Place(
                    partition.topic,
                    partition.partition,
                    identity_of(self._consumer, partition.topic),
                    self._consumer.committed(partition, timeout_ms=CALL_MS),
                    int(starts[partition]),
                    int(ends[partition]),
                )
                for partition in found
            ]
        except (KafkaError, AssertionError, ValueError) as error:
            raise SourceError(str(error)) from error

    def move(self, place: Place, offset: int) -> None:
        """Set the committed position. The broker refuses while a member of the group is alive."""
        partition = TopicPartition(place.topic, place.number)
        try:
            self._consumer.assign([partition])
            self._consumer.commit({partition: OffsetAndMetadata(offset, "", -1)}, timeout_ms=CALL_MS)
        except KafkaError as error:
            raise SourceError(f"{place.topic}/{place.number}: {error}; every collector has to be stopped") from error

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close(autocommit=False)
