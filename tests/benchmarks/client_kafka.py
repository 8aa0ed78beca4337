"""Shipping through kafka-python to a real broker in another process, whose CPU is not counted."""

import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time_ns
from typing import Any, Self

import hopline
from hopline import config as settings
from hopline import tracer as tracing
from hopline import wire
from hopline.counts import Counts
from hopline.report import Reporter
from hopline.spans import Span
from hopline.transports.base import Batch
from hopline.transports.kafka import KafkaTransport
from hopline.transports.memory import MemoryTransport
from hopline_collector.sources import topics
from hopline_deploy.broker import Broker, missing_reason

TOPIC = "bench"
ROWS_PER_MESSAGE = 100
ROWS = 1_000
"""Rows in one batch, as the reporter hands them over."""
BATCHES = 10
GOAL = 1_500_000
"""Rows per second and core."""


class Shipping:
    """A broker with a topic of one partition, and the transport with our own settings. Use it with ``with``."""

    def __init__(self, operations: int) -> None:
        self._operations = operations
        self._folder = TemporaryDirectory()
        self._broker = Broker(Path(self._folder.name))

    def __enter__(self) -> Self:
        self._broker.start()
        topics.create((self._broker.address,), [TOPIC], 1, 0, {})
        self.endpoint = f"kafka://{self._broker.address}"
        config, _ = settings.load({"service": "bench", "endpoint": self.endpoint, "topic": TOPIC}, {})
        self._transport = KafkaTransport(config, Counts())
        spans, process = _ended(config)
        self._batch = Batch(process, spans, len(spans), None)
        self._messages = [
            wire.encode(process, wire.pack_all(spans[n : n + ROWS_PER_MESSAGE]))
            for n in range(0, ROWS, ROWS_PER_MESSAGE)
        ]
        self._transport.send(self._batch)
        assert self._transport.flush(10)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._transport.close(5)
        self._broker.stop()
        self._folder.cleanup()

    def ready(self) -> int:
        """CPU nanoseconds of the process for messages that are encoded already, until all are acknowledged."""
        producer: Any = self._transport._producer

        def send() -> None:
            for message in self._messages:
                self._transport._send(producer, 0, message, ROWS_PER_MESSAGE)

        return self._spent(send)

    def whole(self) -> int:
        """The same from ended rows: packing and encoding too."""
        return self._spent(lambda: self._transport.send(self._batch))

    def _spent(self, send: Callable[[], None]) -> int:
        begin = process_time_ns()
        for _ in range(BATCHES):
            send()
        assert self._transport.flush(10)
        return (process_time_ns() - begin) * self._operations // (ROWS * BATCHES)


def available() -> bool:
    """Whether ``deploy/setup/kafka.sh`` has brought the broker."""
    return not missing_reason()


def _ended(config: settings.Config) -> tuple[list[Span], dict[str, str]]:
    """Ended rows of traces of ten."""
    reporter = Reporter(config, MemoryTransport(Counts()), Counts())
    reporter.thread = threading.current_thread()  # keeps the sender from starting
    before = tracing.activate(tracing.Tracer(config, reporter))
    for number in range(ROWS // 10):
        with hopline.span("root"):
            for _ in range(9):
                with hopline.span("child") as row:
                    row.tag("tier", "gold")
                    row.tag("cache", f"u{number}")
    tracing.activate(before)
    return list(reporter.buffer), reporter.process.facts
