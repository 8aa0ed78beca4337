"""Kafka as a source: a consumer group member whose commits carry plans.

The library runs rebalance listeners on a thread of its own, where nothing may wait;
ours only raise the partition's epoch there and note the change. What has to ask the
broker is asked on the polling thread, after poll returns.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError

from hopline_collector.block.core import Message
from hopline_collector.sources.batches import tolerate, trouble_of
from hopline_collector.sources.source import Arrived, Assigned, Event, PartitionKey, Position, Revoked, SourceError
from hopline_collector.sources.topics import TOPIC_FORMATS

log = logging.getLogger(__name__)

CALL_MS: Final = 5_000
"""Bound of every call to the broker: without one they can hang for ever."""

_NO_EPOCH: Final = -1


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Which broker, which topics, as whom."""

    servers: tuple[str, ...]
    group: str = "hopline"
    topics: Mapping[str, str] | None = None
    """Topic -> format; None = :data:`TOPIC_FORMATS`."""
    instance: str = ""
    """Static member name: a restarted collector gets its partitions back at once."""
    session_seconds: float = 10.0
    options: Mapping[str, Any] | None = None
    """Further settings of the client (security)."""


class KafkaSource:
    """The partitions that the group gives us. See :class:`Source`."""

    name = "kafka"

    def __init__(self, settings: KafkaSettings) -> None:
        self._formats = dict(settings.topics or TOPIC_FORMATS)
        self._lock = threading.Lock()
        self._epochs: dict[PartitionKey, int] = {}
        self._changes: list[tuple[PartitionKey, int]] = []
        """(partition, epoch) in the order they happened; epoch 0 = taken away."""
        self._counter = 0
        self._pending: list[tuple[PartitionKey, int]] = []
        """Assigned, but the broker has not told the committed position yet."""
        self._next: dict[PartitionKey, int] = {}
        """The offset after the last message that was delivered."""
        self._logs: dict[PartitionKey, str] = {}
        """Identity of each partition's log, as told with its assignment."""
        self._consumer = _consumer(settings)
        tolerate(self._consumer)
        self._consumer.subscribe(list(self._formats), listener=_Listener(self._assigned, self._taken))

    def poll(self, timeout: float) -> list[Event]:
        """See :class:`Source`."""
        try:
            records = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=5_000)
        except KafkaError as error:
            raise SourceError(str(error)) from error
        self._look_for_new_logs()
        events = self._take_changes()
        # A partition that was assigned just now is read again from where it stands.
        fresh = {event.key for event in events} | {key for key, _ in self._pending}
        for partition, found in records.items():
            key = PartitionKey(partition.topic, partition.partition)
            if key in fresh or not self.epoch(key):
                continue
            if self._follows(key, [record.offset for record in found]):
                form = self._formats[partition.topic]
                messages = [_message(record, form) for record in found]
                self._next[key] = messages[-1].offset + 1
                events.append(Arrived(key, messages))
            else:
                log.warning("%s went on at %d, not at %d", key, found[0].offset, self._next[key])
                self._renew(key)
        return events

    def _follows(self, key: PartitionKey, offsets: list[int]) -> bool:
        """Whether nothing expired before ``offsets`` or between them; transactions and compaction leave some out.

        The client steps over what the log dropped, and begins a topic that was made anew at
        its start, without a word.
        """
        expected = self._next[key]
        if offsets[-1] - expected == len(offsets) - 1:
            return True
        missing = next(due for due, offset in enumerate(offsets, expected) if due != offset)
        partition = TopicPartition(*key)
        try:
            first = self._consumer.beginning_offsets([partition], timeout_ms=CALL_MS)[partition]
        except (KafkaError, AssertionError, ValueError) as error:
            log.warning("where %s begins is not known: %s", key, error)
            return False
        return bool(first <= missing and expected <= offsets[0])

    def epoch(self, key: PartitionKey) -> int:
        """See :class:`Source`."""
        with self._lock:
            return self._epochs.get(key, 0)

    def position(self, key: PartitionKey) -> int:
        """See :class:`Source`."""
        try:
            return int(self._consumer.position(TopicPartition(*key), timeout_ms=CALL_MS) or 0)
        except (KafkaError, AssertionError, ValueError) as error:
            raise SourceError(f"position of {key}: {error}") from error

    def commit(self, key: PartitionKey, position: Position) -> None:
        """See :class:`Source`."""
        # A leader epoch of None breaks the request and hangs the client; -1 is "unknown".
        stored = OffsetAndMetadata(position.offset, position.metadata, _NO_EPOCH)
        try:
            self._consumer.commit({TopicPartition(*key): stored}, timeout_ms=CALL_MS)
        except KafkaError as error:
            raise SourceError(f"commit of {key}: {error}") from error

    def seek(self, key: PartitionKey, offset: int) -> None:
        """See :class:`Source`."""
        try:
            self._consumer.seek(TopicPartition(*key), offset)
            self._next[key] = offset
        except (KafkaError, AssertionError, ValueError) as error:
            raise SourceError(f"seek in {key}: {error}") from error

    def pause(self, key: PartitionKey) -> None:
        """See :class:`Source`."""
        if self.epoch(key):
            self._consumer.pause(TopicPartition(*key))

    def resume(self, key: PartitionKey) -> None:
        """See :class:`Source`."""
        if self.epoch(key):
            self._consumer.resume(TopicPartition(*key))

    def ends(self) -> dict[PartitionKey, int]:
        """See :class:`Source`."""
        with self._lock:
            partitions = [TopicPartition(*key) for key in self._epochs]
        if not partitions:
            return {}
        try:
            found = self._consumer.end_offsets(partitions, timeout_ms=CALL_MS)
        except (KafkaError, AssertionError, ValueError) as error:
            raise SourceError(f"ends: {error}") from error
        return {PartitionKey(p.topic, p.partition): int(end) for p, end in found.items()}

    def close(self) -> None:
        """See :class:`Source`."""
        try:
            self._consumer.close(timeout_ms=CALL_MS, autocommit=False)
        except KafkaError as error:
            log.debug("leaving the group: %s", error)

    # -- on the library's thread

    def _assigned(self, partitions: Any) -> None:
        with self._lock:
            for partition in partitions:
                self._counter += 1
                key = PartitionKey(partition.topic, partition.partition)
                self._epochs[key] = self._counter
                self._changes.append((key, self._counter))

    def _taken(self, partitions: Any) -> None:
        with self._lock:
            for partition in partitions:
                key = PartitionKey(partition.topic, partition.partition)
                self._epochs.pop(key, None)
                self._changes.append((key, 0))

    # -- on the polling thread

    def _look_for_new_logs(self) -> None:
        """A topic that was made anew under our eyes is another log."""
        for key, known in list(self._logs.items()):
            if self.epoch(key) and identity_of(self._consumer, key.topic) not in ("", known):
                log.warning("%s is another log now: its topic was made anew", key)
                self._renew(key)

    def _renew(self, key: PartitionKey) -> None:
        """Let go of a partition that is ours, and take it up as if it had been assigned now."""
        with self._lock:
            if key in self._epochs:
                self._counter += 1
                self._epochs[key] = self._counter
                self._changes += [(key, 0), (key, self._counter)]
        self._logs.pop(key, None)

    def _take_changes(self) -> list[Event]:
        with self._lock:
            changes, self._changes = self._changes, []
        events: list[Event] = []
        for key, epoch in changes:
            self._pending = [waiting for waiting in self._pending if waiting[0] != key]
            if epoch:
                self._pending.append((key, epoch))
            else:
                events.append(Revoked(key))
        still: list[tuple[PartitionKey, int]] = []
        for key, epoch in self._pending:
            if self.epoch(key) != epoch:
                continue
            event = self._look_up(key, epoch)
            if event is None:
                still.append((key, epoch))
            else:
                events.append(event)
        self._pending = still
        return events

    def _look_up(self, key: PartitionKey, epoch: int) -> Assigned | None:
        """Where the partition stands, with reading set back to there; None when the broker does not say."""
        partition = TopicPartition(*key)
        try:
            committed = self._consumer.committed(partition, metadata=True, timeout_ms=CALL_MS)
            first = self._consumer.beginning_offsets([partition], timeout_ms=CALL_MS)[partition]
            end = self._consumer.end_offsets([partition], timeout_ms=CALL_MS)[partition]
            start = min(max(first if committed is None else committed.offset, first), end)
            # Messages that came before we knew were not delivered.
            self._consumer.seek(partition, start)
        except (KafkaError, AssertionError, ValueError) as error:
            log.warning("where %s stands is not known yet: %s", key, error)
            return None
        identity = identity_of(self._consumer, key.topic)
        if not identity:
            return None
        self._next[key], self._logs[key] = start, identity
        position = None if committed is None else Position(committed.offset, committed.metadata or "")
        return Assigned(key, epoch, position, first, end, identity)


def identity_of(consumer: Any, topic: str) -> str:
    """Cluster and topic by their ids, empty while they are not known; brokers before 2.8 have no topic ids."""
    cluster = consumer._cluster  # noqa: SLF001  the library shows it nowhere else
    found = cluster.topic_id(topic)
    return f"{cluster.cluster_id}/{found.hex if found is not None else ''}" if cluster.cluster_id else ""


def _message(record: Any, form: str) -> Message:
    return Message(record.offset, form, record.value or b"", record.timestamp * 1000, trouble_of(record))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, assigned: Any, taken: Any) -> None:
        self._assigned, self._taken = assigned, taken

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._assigned(assigned)

    def on_partitions_revoked(self, revoked: Any) -> None:
        self._taken(revoked)

    def on_partitions_lost(self, lost: Any) -> None:
        self._taken(lost)


def _consumer(settings: KafkaSettings) -> Any:
    return KafkaConsumer(
        bootstrap_servers=list(settings.servers),
        group_id=settings.group,
        group_instance_id=settings.instance or None,
        client_id="hopline-collector",
        # With a version given the consumer is made at once, broker or not, and connects by itself.
        api_version=(4, 3),
        enable_auto_commit=False,
        # What a transaction took back is not stored.
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        partition_assignment_strategy=[CooperativeStickyAssignor],
        session_timeout_ms=int(settings.session_seconds * 1000),
        heartbeat_interval_ms=1_000,
        max_poll_interval_ms=300_000,
        max_poll_records=5_000,
        fetch_max_bytes=16 * 1024 * 1024,
        max_partition_fetch_bytes=8 * 1024 * 1024,
        reconnect_backoff_max_ms=1_000,
        # A request for topics that is made while another is under way is lost with that one's answer: the
        # member then has no partitions until the next. The library's own next is after five minutes.
        metadata_max_age_ms=5_000,
        metrics_enabled=False,
        **dict(settings.options or {}),
    )
