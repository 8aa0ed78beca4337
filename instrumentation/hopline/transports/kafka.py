"""Rows to Kafka: one message per trace bucket and about a hundred rows.

kafka-python is touched by the sender thread only: its ``send`` costs the caller
10 us at least, blocks while the topic is unknown, and its producer does not
survive a fork. Its own buffer has no bound, so bytes in flight are counted here.
"""

import contextlib
import importlib.util
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable
from time import monotonic, sleep
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from hopline import wire
from hopline.config import Config
from hopline.counts import Counts
from hopline.errors import SettingError, TransportUnavailable
from hopline.ids import trace_bucket
from hopline.spans import Span
from hopline.transports.base import Batch, Report

OWN: Final = "hopline-"
"""What the names of our threads begin with, and the client id by which the library names its own."""

MAX_MESSAGE: Final = 900_000
"""Bytes of one message, and of one batch of them; brokers refuse more than 1 MiB by default."""

_PARTITIONS_FOR_S: Final = 30.0
_POLL_S: Final = 0.01
_SLICE_S: Final = 0.000_15
"""After so long the application gets the interpreter, between two messages: each time costs some 40 us of CPU."""


class KafkaTransport:
    """A producer made when the first batch comes, and made anew after any error."""

    def __init__(self, config: Config, counts: Counts) -> None:
        self._topic = config.topic
        self._limit = config.kafka_buffer_bytes
        self._rows = config.batch_rows
        self._options = producer_options(config)
        self._counts = counts
        self._forget()

    def _forget(self) -> None:
        self._producer: Any = None
        self._broken = False
        self._partitions = 0
        self._partitions_until = 0.0
        self._in_flight = 0
        self._lock = threading.Lock()

    def send(self, batch: Batch) -> None:
        """Hand the batch to the producer; the counters hear what became of it.

        Raises:
            TransportUnavailable: no broker, no topic, or too many bytes on their way.

        """
        if self._in_flight >= self._limit:
            raise TransportUnavailable(f"{self._in_flight} bytes wait for the broker")
        producer = self._ready()
        groups = by_partition(batch.spans, self._partitions)
        report = batch.report
        finished = batch.counted
        until = monotonic() + _SLICE_S
        if report is not None and not groups:
            self._send(producer, 0, wire.encode(batch.process, [], report), 0)
        for partition, spans in groups.items():
            for first in range(0, len(spans), self._rows):
                chunk = spans[first : first + self._rows]
                self._send_rows(producer, partition, batch.process, chunk, report, counted=finished > 0)
                report = None
                if monotonic() >= until:
                    sleep(0)
                    until = monotonic() + _SLICE_S

    def flush(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds until nothing is in flight."""
        deadline = monotonic() + timeout
        if self._in_flight and self._producer is not None and not self._broken:
            with contextlib.suppress(KafkaError, OSError):
                self._producer.flush(timeout=timeout)  # or it would wait for its batch to fill
        while self._in_flight and monotonic() < deadline:  # the last acknowledgements are being counted
            sleep(_POLL_S)
        return not self._in_flight

    def after_fork(self) -> None:
        """The producer's thread stayed in the parent; leave it its sockets and locks: nothing closes here."""
        if self._producer is not None:
            self._producer._closed = True  # noqa: SLF001 - or its finaliser would flush, and wait for that thread
        self._forget()

    def close(self, timeout: float) -> None:
        """Flush and close the producer."""
        self.flush(timeout)
        self._close(min(timeout, 1.0))

    def _close(self, timeout: float) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.close(timeout=timeout)
        except (KafkaError, OSError):
            # Undelivered records make close() give up half-way: its thread would go on, and
            # its finaliser try again with a traceback on the application's stderr.
            self._counts.add("kafka_close_errors")
            producer._sender.force_close()  # noqa: SLF001 - there is no public way to let go
            producer._closed = True  # noqa: SLF001 - as above

    def _ready(self) -> Any:
        """The producer, once the topic's partitions are known.

        Raises:
            TransportUnavailable: they are not.

        """
        if self._broken:
            self._close(0)
            self._broken = False
        try:
            if self._producer is None:
                quiet_own_threads()
                self._producer = KafkaProducer(**self._options)
                self._producer._sender.name = f"{OWN}kafka"  # noqa: SLF001 - its log lines are told by it
            if monotonic() >= self._partitions_until:
                self._partitions = len(self._producer.partitions_for(self._topic) or ())
                self._partitions_until = monotonic() + _PARTITIONS_FOR_S
        except (KafkaError, OSError) as error:
            raise TransportUnavailable(f"{type(error).__name__}: {error}") from error
        if not self._partitions:
            self._partitions_until = 0.0
            raise TransportUnavailable(f"topic {self._topic} is not there")
        return self._producer

    def _send_rows(
        self, producer: Any, partition: int, process: dict[str, str], spans: list[Span], report: Report | None, *,
        counted: bool,
    ) -> None:  # fmt: skip
        """One message, or two of half the rows when it would be too big."""
        rows = wire.pack_all(spans)
        try:
            value = wire.encode(process, rows, report)
        except Exception:
            rows = [wire.clean(row) for row in rows]
            value = wire.encode(process, rows, report)
        if len(value) > MAX_MESSAGE and len(spans) > 1:
            half = len(spans) // 2
            self._send_rows(producer, partition, process, spans[:half], report, counted=counted)
            self._send_rows(producer, partition, process, spans[half:], None, counted=counted)
            return
        self._send(producer, partition, value, len(rows) if counted else 0)

    def _send(self, producer: Any, partition: int, value: bytes, counted: int) -> None:
        size = len(value)
        with self._lock:
            self._in_flight += size
        lock = self._lock

        def settled(name: str) -> None:
            # A producer from before a fork or a rebuild must not settle what it no longer owes.
            if lock is self._lock:
                with lock:
                    self._in_flight -= size
            self._counts.add(name, counted)

        def failed(error: BaseException) -> None:
            self._broken = True  # a refused record poisons an idempotent producer for ever
            settled(f"dropped.kafka_{type(error).__name__}")

        try:
            future = producer.send(self._topic, value=value, key=b"%d" % partition, partition=partition)
        except Exception as error:
            failed(error)
            return
        future.add_callback(lambda _metadata: settled("sent"))
        future.add_errback(failed)


def by_partition(spans: Iterable[Span], partitions: int) -> dict[int, list[Span]]:
    """Spans of one trace meet in one partition; those of one entry come one after the other, so it is asked once."""
    groups: defaultdict[int, list[Span]] = defaultdict(list)
    entry = None
    for span in spans:
        if span.entry is not entry:
            entry = span.entry
            append = groups[trace_bucket(entry.trace_bytes) % partitions].append
        append(span)
    return groups


class _OthersOnly(logging.Filter):
    """Lets pass what is not logged by a thread of ours: an outage makes kafka-python log a hundred errors."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Our sender and the threads of its producer carry our name; the application's own do not."""
        return OWN not in (record.threadName or "")


_others_only: Final = _OthersOnly()


def quiet_own_threads() -> None:
    """Keep the library's log of our own producer away from the application, whose own use of Kafka logs as ever."""
    for name in list(logging.root.manager.loggerDict):
        if name == "kafka" or name.startswith("kafka."):
            logging.getLogger(name).addFilter(_others_only)


def producer_options(config: Config) -> dict[str, Any]:
    """Options of the producer, those of the setting ``kafka_options`` last.

    Raises:
        SettingError: one of those is none; the message holds no value, which may be a secret.

    """
    acks: Any = config.kafka_acks if config.kafka_acks == "all" else int(config.kafka_acks)
    options: dict[str, Any] = {
        "bootstrap_servers": config.endpoint.partition("://")[2].rstrip("/").split(","),
        "client_id": f"{OWN}{config.service}",
        "acks": acks,
        "enable_idempotence": acks == "all",
        "linger_ms": 50,
        "batch_size": MAX_MESSAGE,  # few large requests: a quarter less CPU than with 256 KiB under full load
        "compression_type": _compression(config.compression),
        "max_block_ms": 1_000,
        "api_version": (4, 3),
        "delivery_timeout_ms": 600_000,  # an outage of minutes is bridged; bytes in flight are what bounds it
        "request_timeout_ms": 10_000,
        "reconnect_backoff_max_ms": 1_000,
        "metrics_enabled": False,
    }
    for pair in config.kafka_options:
        name, _, value = pair.partition("=")
        options[name] = _as_option(name, value)
    return options


def _as_option(name: str, value: str) -> Any:
    """``value`` as the library's own default of ``name`` is: a password of digits stays text."""
    if name not in KafkaProducer.DEFAULT_CONFIG:
        raise SettingError(f"kafka_options: the library has no {name!r}")
    default = KafkaProducer.DEFAULT_CONFIG[name]
    if isinstance(default, bool):
        return value.strip().lower() in {"1", "true", "yes", "on"}
    try:
        return type(default)(value) if isinstance(default, (int, float)) else value
    except ValueError:
        raise SettingError(f"kafka_options: {name} is no number") from None


def _compression(setting: str) -> str | None:
    if setting:
        return None if setting == "none" else setting
    return "lz4" if importlib.util.find_spec("lz4") else None
