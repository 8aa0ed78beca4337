"""kafka-python: a producer row per message sent, a consumer row around the processing of each received.

``poll()`` and iteration are served alike, for iteration polls: the lists that
``poll`` returns keep each record's consumer row current while the application's
loop is at that record.
"""

import functools
from collections.abc import Iterable, Iterator
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer

from hopline import tracer as tracing
from hopline.context import Active, current
from hopline.hooks import outgoing
from hopline.hooks.guard import guarded, quietly
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_SYSTEM: Final = "messaging.system"
_AT: Final = "_hopline_at"
_OURS: Final = frozenset(outgoing.NAMES)
"""A message that is sent on with the headers it came with must not carry two contexts, which would count as none."""

_patches = Patches()


def install() -> None:
    """Patch ``KafkaProducer.send``, ``KafkaConsumer.poll`` and ``close``; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(KafkaProducer, "send", _send)
        _patches.wrap(KafkaConsumer, "poll", _poll)
        _patches.wrap(KafkaConsumer, "close", _close)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _send(original: Any) -> Any:
    @functools.wraps(original)
    def send(
        self: Any, topic: str, value: Any = None, key: Any = None, headers: Any = None, *rest: Any, **kw: Any
    ) -> Any:
        span = guarded(_producer_row, topic)
        added = quietly(_headers, self, span)
        if added:
            headers = [*(pair for pair in headers or () if pair[0] not in _OURS), *added]
        try:
            future = original(self, topic, value, key, headers, *rest, **kw)
        except BaseException as error:
            quietly(span.finish, error)
            raise
        if span is not NOOP:
            # Ends with the broker's answer, on the producer's thread, so that a lost message is seen.
            future.add_callback(lambda _metadata: quietly(span.finish))
            future.add_errback(functools.partial(quietly, span.finish))
        return future

    return send


def _producer_row(topic: str) -> Span:
    span = tracing.call(f"send {topic}", kind="producer", peer=topic, peer_kind="mq")
    span.tag(_SYSTEM, "kafka")
    span.begin()
    return span


def _headers(producer: KafkaProducer, span: Span) -> list[tuple[str, bytes]]:
    """Record headers; baggage only when each broker that the producer was told of is trusted."""
    servers = producer.config["bootstrap_servers"]
    hosts = servers.split(",") if isinstance(servers, str) else list(servers)
    return [(name, text.encode()) for name, text in outgoing.headers(span, outgoing.least_trusted(hosts))]


def _poll(original: Any) -> Any:
    @functools.wraps(original)
    def poll(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(self, *args, **kwargs)
        return (quietly(_traced, self, found) if found else None) or found

    return poll


def _traced(consumer: KafkaConsumer, found: dict[Any, list[Any]]) -> dict[Any, list[Any]] | None:
    """The records, each partition's as a list that traces their processing; ``None`` when nothing is to be traced."""
    if not tracing.active().enabled:
        return None
    at = consumer.__dict__.setdefault(_AT, _Position())
    return {partition: _Records(records, at) for partition, records in found.items()}


def _close(original: Any) -> Any:
    @functools.wraps(original)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A loop over the consumer that was left at a record keeps that record's row open until here.
        quietly(_leave, self)
        return original(self, *args, **kwargs)

    return close


def _leave(consumer: KafkaConsumer) -> None:
    at = consumer.__dict__.get(_AT)
    if at is not None and at.span is not None:
        at.span.finish()
        if current.get() is at.span:
            current.set(None)


class _Position:
    """The row of the record that a consumer's loop is at."""

    __slots__ = ("span",)

    def __init__(self) -> None:
        self.span: Span | None = None


class _Records(list[Any]):
    """The records of one partition; iterating over them is processing them."""

    __slots__ = ("_at",)

    def __init__(self, records: Iterable[Any], at: _Position) -> None:
        super().__init__(records)
        self._at = at

    def __iter__(self) -> Iterator[Any]:
        for record in super().__iter__():
            span = guarded(_consumer_row, record)
            self._at.span = span
            with Active(span):
                try:
                    yield record
                except GeneratorExit:  # the loop was left at this record
                    quietly(span.finish)
                    raise
            quietly(span.finish)


def _consumer_row(record: Any) -> Span:
    span = tracing.active().receive(f"process {record.topic}", record.headers or (), "consumer")
    span.peer, span.peer_kind = record.topic, "mq"
    span.tag(_SYSTEM, "kafka")
    span.tag("messaging.destination.partition.id", record.partition)
    span.attr("messaging.kafka.offset", record.offset)
    span.begin()
    return span
