"""kafka-python: a producer row per message sent, a consumer row around the processing of each received.

``poll()`` and iteration are served alike, for iteration polls: the lists that
``poll`` returns keep each record's consumer row current while the application's
loop is at that record.
"""

import functools
import sys
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer

from hopline import tracer as tracing
from hopline.hooks import messaging, outgoing
from hopline.hooks.around import around
from hopline.hooks.guard import safely, span_or_noop
from hopline.hooks.patch import Patches
from hopline.spans import Span

_AT: Final = "_hopline_at"

_patches = Patches()


def install() -> None:
    """Patch ``KafkaProducer.send``, ``KafkaConsumer.poll`` and ``close``; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(KafkaProducer, "send", around(_start, _sent))
        _patches.wrap(KafkaConsumer, "poll", _poll)
        _patches.wrap(KafkaConsumer, "close", _close)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _start(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Producer row of one message, begun, its headers among the message's."""
    producer, topic = args[0], args[1] if len(args) > 1 else kwargs["topic"]
    span = span_or_noop(messaging.sending, "kafka", topic)
    own = args[4] if len(args) > 4 else kwargs.get("headers")
    joined = messaging.carried(own, span, _broker(producer))
    if joined and len(args) > 4:
        args[4] = joined
    elif joined:
        kwargs["headers"] = joined
    span.begin()
    return span


def _sent(span: Span, future: Any) -> None:
    """The row ends with the broker's answer, on the producer's thread, so that a lost message is seen."""
    future.add_callback(lambda _metadata: safely(span.finish))
    future.add_errback(functools.partial(safely, span.finish))


def _broker(producer: KafkaProducer) -> str | None:
    """The host that decides on baggage: the least trusted of the brokers that the producer was told of."""
    servers = producer.config["bootstrap_servers"]
    return outgoing.least_trusted(servers.split(",") if isinstance(servers, str) else list(servers))


def _poll(original: Any) -> Any:
    @functools.wraps(original)
    def poll(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(self, *args, **kwargs)
        return (safely(_traced, self, found) if found else None) or found

    return poll


def _traced(consumer: KafkaConsumer, found: dict[Any, list[Any]]) -> dict[Any, list[Any]] | None:
    """The records, each partition's as a list that traces their processing; ``None`` when nothing is to be traced."""
    if not tracing.active().enabled:
        return None
    at = consumer.__dict__.setdefault(_AT, messaging.Position())
    return {partition: messaging.Records(records, at, _consumer_row) for partition, records in found.items()}


def _close(original: Any) -> Any:
    @functools.wraps(original)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A loop over the consumer that was left at a record keeps that record's row open until here.
        safely(_leave, self, sys.exc_info()[1])
        return original(self, *args, **kwargs)

    return close


def _leave(consumer: KafkaConsumer, error: BaseException | None) -> None:
    at = consumer.__dict__.get(_AT)
    if at is not None:
        at.leave(error)


def _consumer_row(record: Any) -> Span:
    span = messaging.handling("kafka", record.topic, record.headers or ())
    span.tag("messaging.destination.partition.id", record.partition)
    span.attr("messaging.kafka.offset", record.offset)
    span.begin()
    return span
