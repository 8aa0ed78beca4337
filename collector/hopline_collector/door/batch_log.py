"""Batch ids of the last hour in a Kafka topic that all collectors write and read.

A post's id is written once its rows are durable, and before it is answered. Each
collector follows the topic from an hour back, so what one of them answered all of them
know within milliseconds, and after a restart too. The topic has one partition: its
order is that of the answers.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hopline_collector.sources import topics
from hopline_collector.sources.journal import BATCH_SECONDS, Batch

log = logging.getLogger(__name__)

TOPIC: Final = "hopline.batches"

REMEMBERED: Final = 200_000
"""Most ids that are remembered, about 60 MB; with more in an hour the oldest are forgotten."""

_WAIT_SECONDS: Final = 1.0
"""How long a post waits for the first reading; with the broker away posts must not hold all threads."""
_CLOSE_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 1.0
_CALL_MS: Final = 5_000


class BatchesUnknownError(Exception):
    """The ids of the last hour were not read yet: nobody knows whether this one was answered."""


class _Record(msgspec.Struct, array_like=True):
    id: str
    at: int
    answer: bytes


class BatchLog:
    """Follows the topic from the first question on, and makes it where it is not there.

    ``options`` are those of kafka-python, ``replicas`` as for :func:`topics.copies`.
    """

    def __init__(
        self, servers: tuple[str, ...], options: Mapping[str, Any], topic: str = TOPIC, *, replicas: int = 0
    ) -> None:
        self.topic = topic
        self._replicas = replicas
        self._servers = servers
        self._options = dict(options)
        self._known: OrderedDict[str, Batch] = OrderedDict()
        self._lock = threading.Lock()
        self._caught_up = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def answer_of(self, batch_id: str, now: int) -> bytes | None:
        """The answer given to this id by any collector within the hour before ``now``, in seconds.

        Waits for the first reading of the topic; raises :class:`BatchesUnknownError`
        when that takes too long.
        """
        self._follow()
        if not self._caught_up.wait(_WAIT_SECONDS):
            raise BatchesUnknownError("the batch ids of the last hour are still being read")
        with self._lock:
            found = self._known.get(batch_id)
        return found.answer if found is not None and found.at > now - BATCH_SECONDS else None

    def remember(self, batch: Batch) -> bytes:
        """Know the id from now on; returns the message that tells the others."""
        with self._lock:
            self._known[batch.id] = batch
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return msgspec.msgpack.encode(_Record(batch.id, batch.at, batch.answer))

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _follow(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hopline-batches", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read_on()
            except Exception as error:
                log.warning("the topic of batch ids cannot be read: %s", error)
                self._stop.wait(_RETRY_SECONDS)

    def _read_on(self) -> None:
        from kafka import KafkaConsumer, TopicPartition

        self._create()
        consumer = KafkaConsumer(
            bootstrap_servers=list(self._servers),
            client_id="hopline-collector-batches",
            api_version=(4, 3),
            group_id=None,
            metrics_enabled=False,
            **self._options,
        )
        try:
            place = TopicPartition(self.topic, 0)
            consumer.assign([place])
            end = consumer.end_offsets([place], timeout_ms=_CALL_MS)[place]
            since = int(time.time() - BATCH_SECONDS) * 1_000
            first = consumer.offsets_for_times({place: since}, timeout_ms=_CALL_MS)[place]
            consumer.seek(place, end if first is None else first.offset)
            while not self._stop.is_set():
                if consumer.position(place, timeout_ms=_CALL_MS) >= end:
                    self._caught_up.set()
                for records in consumer.poll(200).values():
                    self._learn(record.value for record in records)
        finally:
            consumer.close()

    def _learn(self, values: Any) -> None:
        for value in values:
            try:
                found = msgspec.msgpack.decode(value, type=_Record)
            except msgspec.MsgspecError:
                log.warning("no batch id: %r", value[:80])
            else:
                self.remember(Batch(found.id, found.answer, found.at))

    def _create(self) -> None:
        kept = {"retention.ms": str(2 * BATCH_SECONDS * 1_000), "segment.ms": str(BATCH_SECONDS * 1_000)}
        topics.create(self._servers, [self.topic], 1, self._replicas, self._options, kept=kept)
