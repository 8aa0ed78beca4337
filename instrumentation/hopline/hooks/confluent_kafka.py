"""confluent-kafka: a producer row per message sent, a consumer row from a message to the next one asked for.

Its classes are C and cannot be patched, so ``confluent_kafka.Producer`` and ``Consumer`` become classes of ours, which
programs must look up after ``install()``; the serializing ones are patched.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any, Final

import confluent_kafka
from confluent_kafka import DeserializingConsumer, SerializingProducer

from hopline import tracer as tracing
from hopline.hooks import messaging
from hopline.hooks.around import around
from hopline.hooks.guard import safely, span_or_noop
from hopline.hooks.outgoing import least_trusted
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_AT: Final = "_hopline_at"
_SERVERS: Final = "_hopline_servers"
_PLAIN: Final = ("topic", "value", "key", "partition", "callback", "on_delivery", "timestamp", "headers")
_SERIALIZING: Final = ("topic", "key", "value", "partition", "on_delivery", "timestamp", "headers")

_patches = Patches()


def install() -> None:
    """Put our classes in their place; further calls change nothing."""
    if _patches.applied:
        return
    _patches.wrap(confluent_kafka, "Producer", lambda _: TracedProducer)
    _patches.wrap(confluent_kafka, "Consumer", lambda _: TracedConsumer)
    _patches.wrap(SerializingProducer, "__init__", _knowing_servers)
    _patches.wrap(SerializingProducer, "produce", around(functools.partial(_start, _SERIALIZING), _accepted))
    _patches.wrap(DeserializingConsumer, "poll", _poll)
    _patches.wrap(DeserializingConsumer, "close", _close)


def uninstall() -> None:
    """Put the originals back; producers and consumers of ours make no more rows."""
    _patches.undo()


def _start(names: tuple[str, ...], args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Producer row of one message, begun, its headers among the message's; its delivery will end it."""
    if not _patches.applied:
        return NOOP
    producer = args[0]
    kwargs.update(zip(names, args[1:], strict=False))
    del args[1:]
    span = span_or_noop(messaging.sending, "kafka", kwargs["topic"])
    own = kwargs.get("headers")
    servers = getattr(producer, _SERVERS, "")
    pairs = own.items() if isinstance(own, dict) else own
    joined = messaging.carried(pairs, span, least_trusted(servers.split(",")))
    if joined:
        kwargs["headers"] = joined
    if span.recording:
        named = "callback" if kwargs.get("callback") is not None else "on_delivery"
        kwargs[named] = functools.partial(_delivered, span, kwargs.get(named))
    span.begin()
    return span


def _delivered(span: Span, own: Callable[[Any, Any], Any] | None, error: Any, message: Any) -> None:
    safely(_answered, span, error)
    if own is not None:
        own(error, message)


def _answered(span: Span, error: Any) -> None:
    if error is not None:
        span.fail(error.name(), error.str())
    span.finish()


def _accepted(_span: Span, _nothing: None) -> None:
    """Taken into the producer's buffer; the row goes on."""


def _knowing_servers(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        safely(_know_servers, self, *args, **kwargs)

    return init


def _know_servers(producer: Any, *args: Any, **kwargs: Any) -> None:
    settings = {**(args[0] if args and isinstance(args[0], dict) else kwargs.get("conf", {})), **kwargs}
    setattr(producer, _SERVERS, str(settings.get("bootstrap.servers", "")))


def _poll(original: Any) -> Any:
    @functools.wraps(original)
    def poll(self: Any, *args: Any, **kwargs: Any) -> Any:
        safely(_leave, self)
        message = original(self, *args, **kwargs)
        if message is not None:
            safely(_arrive, self, message)
        return message

    return poll


def _arrive(consumer: Any, message: Any) -> None:
    if _patches.applied and tracing.active().enabled and message.error() is None:
        _position(consumer).at(_consumer_row(message))


def _consume(original: Any) -> Any:
    @functools.wraps(original)
    def consume(self: Any, *args: Any, **kwargs: Any) -> Any:
        safely(_leave, self)
        found = original(self, *args, **kwargs)
        return (safely(_traced, self, found) if found else None) or found

    return consume


def _traced(consumer: Any, found: list[Any]) -> list[Any] | None:
    on = _patches.applied and tracing.active().enabled
    return messaging.Records(found, _position(consumer), _consumer_row) if on else None


def _close(original: Any) -> Any:
    @functools.wraps(original)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        safely(_leave, self, sys.exc_info()[1])
        return original(self, *args, **kwargs)

    return close


def _leave(consumer: Any, error: BaseException | None = None) -> None:
    _position(consumer).leave(error)


def _position(consumer: Any) -> messaging.Position:
    position: messaging.Position = consumer.__dict__.setdefault(_AT, messaging.Position())
    return position


def _consumer_row(message: Any) -> Span:
    if message.error() is not None:
        return NOOP
    span = messaging.handling("kafka", message.topic(), message.headers() or ())
    span.tag("messaging.destination.partition.id", message.partition())
    span.attr("messaging.kafka.offset", message.offset())
    span.begin()
    return span


class TracedProducer(confluent_kafka.Producer):
    """A producer whose messages make rows."""

    __init__ = _knowing_servers(confluent_kafka.Producer.__init__)
    produce = around(functools.partial(_start, _PLAIN), _accepted)(confluent_kafka.Producer.produce)


class TracedConsumer(confluent_kafka.Consumer):
    """A consumer whose messages make rows."""

    poll = _poll(confluent_kafka.Consumer.poll)
    consume = _consume(confluent_kafka.Consumer.consume)
    close = _close(confluent_kafka.Consumer.close)
