"""aiokafka: a producer row per message sent, a consumer row around the handling of each received.

The row of a message from ``getone()`` or ``async for`` is current in the task that asked for it, until that asks for
the next or stops the consumer; of a batch from ``getmany()``, while the loop is at the message.
"""

import functools
import sys
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from hopline import tracer as tracing
from hopline.hooks import messaging, outgoing
from hopline.hooks.around import around_async
from hopline.hooks.guard import safely, span_or_noop
from hopline.hooks.patch import Patches
from hopline.spans import Span

_AT: Final = "_hopline_at"
_HEADERS: Final = 6
"""Place of the headers among the arguments of ``send``."""

_patches = Patches()


def install() -> None:
    """Patch producers and consumers; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(AIOKafkaProducer, "send", around_async(_start, _sent))
        _patches.wrap(AIOKafkaConsumer, "getone", _one)
        _patches.wrap(AIOKafkaConsumer, "getmany", _many)
        _patches.wrap(AIOKafkaConsumer, "stop", _stop)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _start(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Producer row of one message, begun, its headers among the message's."""
    producer, topic = args[0], args[1] if len(args) > 1 else kwargs["topic"]
    span = span_or_noop(messaging.sending, "kafka", topic)
    own = args[_HEADERS] if len(args) > _HEADERS else kwargs.get("headers")
    joined = messaging.carried(own, span, _broker(producer))
    if joined and len(args) > _HEADERS:
        args[_HEADERS] = joined
    elif joined:
        kwargs["headers"] = joined
    span.begin()
    return span


def _sent(span: Span, future: Any) -> None:
    """The row ends with the broker's answer, so that a lost message is seen."""
    future.add_done_callback(lambda done: safely(_answered, span, done))


def _answered(span: Span, future: Any) -> None:
    if future.cancelled():
        span.fail("CancelledError")
        span.finish()
    else:
        span.finish(future.exception())


def _broker(producer: Any) -> str | None:
    """The host that decides on baggage: the least trusted of the brokers that the producer was told of."""
    servers = producer.client._bootstrap_servers  # noqa: SLF001 - they have no public name
    return outgoing.least_trusted(servers.split(",") if isinstance(servers, str) else list(servers))


def _one(original: Any) -> Any:
    @functools.wraps(original)
    async def getone(self: Any, *args: Any, **kwargs: Any) -> Any:
        safely(_leave, self)
        record = await original(self, *args, **kwargs)
        safely(_arrive, self, record)
        return record

    return getone


def _arrive(consumer: Any, record: Any) -> None:
    if tracing.active().enabled:
        _position(consumer).at(_consumer_row(record))


def _many(original: Any) -> Any:
    @functools.wraps(original)
    async def getmany(self: Any, *args: Any, **kwargs: Any) -> Any:
        safely(_leave, self)
        found = await original(self, *args, **kwargs)
        return (safely(_traced, self, found) if found else None) or found

    return getmany


def _traced(consumer: Any, found: dict[Any, list[Any]]) -> dict[Any, list[Any]] | None:
    """The records, each partition's as a list that traces their handling; ``None`` when nothing is to be traced."""
    if not tracing.active().enabled:
        return None
    at = _position(consumer)
    return {partition: messaging.Records(records, at, _consumer_row) for partition, records in found.items()}


def _stop(original: Any) -> Any:
    @functools.wraps(original)
    async def stop(self: Any, *args: Any, **kwargs: Any) -> Any:
        safely(_leave, self, sys.exc_info()[1])
        return await original(self, *args, **kwargs)

    return stop


def _leave(consumer: Any, error: BaseException | None = None) -> None:
    _position(consumer).leave(error)


def _position(consumer: Any) -> messaging.Position:
    position: messaging.Position = consumer.__dict__.setdefault(_AT, messaging.Position())
    return position


def _consumer_row(record: Any) -> Span:
    span = messaging.handling("kafka", record.topic, record.headers or ())
    span.tag("messaging.destination.partition.id", record.partition)
    span.attr("messaging.kafka.offset", record.offset)
    span.begin()
    return span
