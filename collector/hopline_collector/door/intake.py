"""Where a receiver puts a body so that it can answer "accepted": the journal, or Kafka."""

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import msgspec

from hopline_collector.block.core import DECODERS
from hopline_collector.door.batch_log import BatchesUnknownError, BatchLog
from hopline_collector.formats.decoded import DecodeError, WireRow
from hopline_collector.sources.journal import Batch, Journal, JournalFullError
from hopline_collector.sources.source import SourceError

log = logging.getLogger(__name__)

MESSAGE_BYTES: Final = 900_000
"""Larger bodies are cut into several messages: a broker takes 1 MiB by default."""

_CHUNK_ROWS: Final = 200
_SEND_SECONDS: Final = 10.0
_PENDING_BYTES: Final = 64 * 1024 * 1024


Entry = tuple[str, bytes]
"""``(format, body)``."""


class IntakeFullError(Exception):
    """Too much waits already: answer 429."""


class IntakeAwayError(Exception):
    """Nothing durable can be reached: answer 503."""


class IntakeTooLargeError(Exception):
    """A single row is larger than what can be handed on, and will be next time: answer 413."""


class Intake(Protocol):
    """Takes bodies durably."""

    def accept(self, entries: Sequence[Entry], batch: Batch | None) -> None:
        """Return when every ``(format, body)`` survives our death.

        Raises :class:`IntakeFullError`, :class:`IntakeAwayError`, :class:`IntakeTooLargeError`.
        """

    def answer_of(self, batch_id: str, now: int) -> bytes | None:
        """The answer already given to this batch id within the last hour. Raises :class:`IntakeAwayError`."""


class JournalIntake:
    """Bodies go to the local journal, together with their batch id."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def accept(self, entries: Sequence[Entry], batch: Batch | None) -> None:
        """See :class:`Intake`."""
        try:
            self._journal.append(entries, batch)
        except JournalFullError as error:
            raise IntakeFullError(str(error)) from error
        except SourceError as error:
            raise IntakeAwayError(str(error)) from error

    def answer_of(self, batch_id: str, now: int) -> bytes | None:
        """See :class:`Intake`."""
        return self._journal.answer_of(batch_id, now)


class KafkaIntake:
    """Bodies go to the topic of their format, batch ids to a topic that all collectors follow."""

    def __init__(
        self,
        servers: tuple[str, ...],
        topics: Mapping[str, str],
        options: Mapping[str, Any],
        batches: BatchLog | None = None,
    ) -> None:
        self._servers = servers
        self._topic_of = {form: topic for topic, form in reversed(list(topics.items()))}
        self._options = dict(options)
        self._lock = threading.Lock()
        self._producer: Any = None
        self._pid = 0
        self._pending = 0
        self._batches = batches or BatchLog(servers, options)
        self._under_way: set[str] = set()

    def accept(self, entries: Sequence[Entry], batch: Batch | None) -> None:
        """See :class:`Intake`."""
        with self._only(batch):
            self._accept(entries)
            if batch is not None:
                self._remember(batch)

    def _accept(self, entries: Sequence[Entry]) -> None:
        size = sum(len(body) for _, body in entries)
        with self._lock:
            if self._pending + size > _PENDING_BYTES:
                raise IntakeFullError(f"{self._pending} bytes wait for the broker")
            self._pending += size
        try:
            self._send([sent for form, body in entries for sent in self._addressed(form, body)])
        except DecodeError as error:
            raise IntakeTooLargeError(f"{size} bytes that cannot be cut into messages: {error}") from error
        finally:
            with self._lock:
                self._pending -= size

    @contextmanager
    def _only(self, batch: Batch | None) -> Iterator[None]:
        """One post of a batch at a time: a copy that comes meanwhile is asked to come again, for the answer."""
        if batch is None:
            yield
            return
        with self._lock:
            if batch.id in self._under_way:
                raise IntakeAwayError("this batch is being stored at this moment")
            self._under_way.add(batch.id)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(batch.id)

    def _remember(self, batch: Batch) -> None:
        """The rows are durable: nothing that fails here may make the sender send them again."""
        message = self._batches.remember(batch)
        try:
            self._send([(self._batches.topic, message)])
        except IntakeAwayError as error:
            log.warning("batch %s is remembered by this collector alone: %s", batch.id, error)

    def answer_of(self, batch_id: str, now: int) -> bytes | None:
        """See :class:`Intake`. Raises :class:`IntakeAwayError` while nobody can tell."""
        try:
            return self._batches.answer_of(batch_id, now)
        except BatchesUnknownError as error:
            raise IntakeAwayError(str(error)) from error

    def close(self) -> None:
        """Let go of the broker."""
        self._batches.close()
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            _close(producer)

    def _addressed(self, form: str, body: bytes) -> Iterator[tuple[str, bytes]]:
        """``(topic, message)`` of one entry. Raises :class:`IntakeAwayError` when no topic takes our own format."""
        for message_form, message in _messages(form, body):
            topic = self._topic_of.get(message_form)
            if topic is not None:
                yield topic, message
            elif message_form == "native":
                raise IntakeAwayError("no topic takes our own format")
            else:
                log.warning("no topic takes format %s: a refused span of it is not kept", message_form)

    def _send(self, messages: list[tuple[str, bytes]]) -> None:
        producer = self._connected()
        deadline = time.monotonic() + _SEND_SECONDS
        try:
            futures = [producer.send(topic, value=message) for topic, message in messages]
            for future in futures:
                future.get(timeout=max(deadline - time.monotonic(), 0.01))
        except Exception as error:
            # An idempotent producer that was refused once refuses for ever.
            with self._lock:
                if self._producer is producer:
                    self._producer = None
            _close(producer)
            raise IntakeAwayError(f"the broker did not take it: {error}") from error

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None or self._pid != os.getpid():
                self._producer = _producer(self._servers, self._options)
                self._pid = os.getpid()
            return self._producer


def _messages(form: str, body: bytes) -> list[Entry]:
    """The body as it is, or, when a broker would refuse its size, the rows of it as wire messages in pieces.

    Rows that were refused go along, as they came, for the dead letters.
    """
    if len(body) <= MESSAGE_BYTES:
        return [(form, body)]
    decoded = DECODERS[form](body)
    pieces: list[Entry] = [(form, bad.raw[:MESSAGE_BYTES]) for bad in decoded.refused]
    for batch in decoded.batches:
        for at in range(0, len(batch.rows), _CHUNK_ROWS):
            pieces += [("native", piece) for piece in _pieces(batch.process, batch.rows[at : at + _CHUNK_ROWS])]
    return pieces


def _pieces(process: dict[str, str], rows: list[WireRow]) -> list[bytes]:
    message = msgspec.msgpack.encode([1, process, rows])
    if len(message) <= MESSAGE_BYTES:
        return [message]
    if len(rows) == 1:
        raise IntakeTooLargeError(f"span {rows[0].name[:100]!r} has {len(message)} bytes: at most {MESSAGE_BYTES}")
    half = len(rows) // 2
    return _pieces(process, rows[:half]) + _pieces(process, rows[half:])


def _producer(servers: tuple[str, ...], options: Mapping[str, Any]) -> Any:
    from kafka import KafkaProducer

    return KafkaProducer(
        bootstrap_servers=list(servers),
        client_id="hopline-collector",
        api_version=(4, 3),
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        batch_size=262_144,
        compression_type="lz4",
        max_block_ms=2_000,
        delivery_timeout_ms=10_000,
        request_timeout_ms=5_000,
        reconnect_backoff_max_ms=1_000,
        metrics_enabled=False,
        **options,
    )


def _close(producer: Any) -> None:
    try:
        producer.close(timeout=1)
    except Exception as error:
        log.debug("closing the producer: %s", error)
