"""aio-pika: a producer row per message published, a consumer row around the handling of each received.

A message is handled by the callback of ``consume()``, or in the loop over ``iterator()``. The far end is called by the
exchange, by the queue where that is the default one.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aio_pika import robust_queue
from aio_pika.exchange import Exchange
from aio_pika.queue import Queue, QueueIterator

from hopline import tracer as tracing
from hopline.hooks import messaging, outgoing
from hopline.hooks.around import around_async
from hopline.hooks.guard import safely, span_or_noop
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_AT: Final = "_hopline_at"

_patches = Patches()


def install() -> None:
    """Patch exchanges and queues; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(Exchange, "publish", around_async(_start))
        _patches.wrap(Queue, "consume", _consume)
        for iterator in (QueueIterator, robust_queue.RobustQueueIterator):
            _patches.wrap(iterator, "__anext__", _next)
        _patches.wrap(QueueIterator, "__aexit__", _exit)


def uninstall() -> None:
    """Put the originals back; callbacks that are in place make no more rows."""
    _patches.undo()


def _start(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Producer row of one message, begun, its headers among the message's."""
    exchange, message = args[0], args[1] if len(args) > 1 else kwargs["message"]
    key = args[2] if len(args) > 2 else kwargs["routing_key"]
    span = span_or_noop(messaging.sending, "rabbitmq", exchange.name or key)
    span.tag("messaging.rabbitmq.destination.routing_key", key)
    for name in outgoing.NAMES:
        message.headers.pop(name, None)  # of a message that is sent on
    message.headers.update(outgoing.headers(span, _broker(exchange)))
    span.begin()
    return span


def _broker(exchange: Any) -> str | None:
    """The host that decides on baggage."""
    host: str | None = exchange.channel._connection.url.host  # noqa: SLF001 - it has no public name
    return host


def _consumer_row(message: Any) -> Span:
    if not tracing.active().enabled or not _patches.applied:
        return NOOP
    headers = messaging.text_headers(message.headers)
    span = messaging.handling("rabbitmq", message.exchange or message.routing_key or "", headers)
    span.attr("messaging.message.id", message.message_id or "")
    span.begin()
    return span


def _consume(original: Any) -> Any:
    @functools.wraps(original)
    async def consume(self: Any, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not isinstance(getattr(callback, "__self__", None), QueueIterator):  # which only collects
            callback = safely(_handled, callback) or callback
        return await original(self, callback, *args, **kwargs)

    return consume


def _handled(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)
    async def handle(message: Any) -> Any:
        result = callback(message)
        return await result if isinstance(result, Awaitable) else result

    traced: Callable[..., Any] = around_async(lambda args, _kwargs: _consumer_row(args[0]))(handle)
    return traced


def _next(original: Any) -> Any:
    @functools.wraps(original)
    async def step(self: Any) -> Any:
        safely(_leave, self)
        message = await original(self)
        safely(_arrive, self, message)
        return message

    return step


def _arrive(iterator: Any, message: Any) -> None:
    _position(iterator).at(_consumer_row(message))


def _exit(original: Any) -> Any:
    @functools.wraps(original)
    async def leave(self: Any, exc_type: Any, exc: Any, traceback: Any) -> Any:
        safely(_leave, self, exc)
        return await original(self, exc_type, exc, traceback)

    return leave


def _leave(iterator: Any, error: BaseException | None = None) -> None:
    _position(iterator).leave(error)


def _position(iterator: Any) -> messaging.Position:
    position: messaging.Position = iterator.__dict__.setdefault(_AT, messaging.Position())
    return position
