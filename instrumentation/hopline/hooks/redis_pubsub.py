"""redis-py's subscriptions: a consumer row around the handling of each message.

Redis messages carry no headers, so each row begins a trace. Handling is what a
registered handler does, or, for the synchronous client, the body of a loop over
``listen()``. What is fetched by ``get_message()`` is handled nobody knows where.
"""

import functools
from collections.abc import Iterator
from typing import Any, Final

import redis.asyncio.client
import redis.client

from hopline import tracer as tracing
from hopline.context import Active
from hopline.hooks.around import around, around_async
from hopline.hooks.guard import safely, span_or_noop
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_HANDLERS: Final = {"message": "channels", "pmessage": "patterns", "smessage": "shard_channels"}
"""Kind of a message -> attribute with the handlers of its subscriptions."""


def patch(patches: Patches) -> None:
    """Add the subscriptions to what ``patches`` replaces."""
    patches.wrap(redis.client.PubSub, "handle_message", around(_handler_row))
    patches.wrap(redis.client.PubSub, "listen", _listen)
    patches.wrap(redis.asyncio.client.PubSub, "handle_message", around_async(_handler_row))


def _listen(original: Any) -> Any:
    @functools.wraps(original)
    def listen(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for message in original(self, *args, **kwargs):
            span = span_or_noop(_message_row, message)
            if span is NOOP:
                yield message
                continue
            with Active(span):
                try:
                    yield message
                except GeneratorExit:  # the loop was left at this message
                    safely(span.finish)
                    raise
            safely(span.finish)

    return listen


def _handler_row(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Row for a message that has a handler, begun; for any other the no-op."""
    subscriptions, response = args[0], args[1] if len(args) > 1 else kwargs["response"]
    if not isinstance(response, (list, tuple)) or len(response) < 3:
        return NOOP
    kind, subscription, channel = _text(response[0]), response[1], response[-2]
    handlers = getattr(subscriptions, _HANDLERS.get(kind, ""), {})
    return _row(_text(channel)) if handlers.get(subscription) else NOOP


def _message_row(message: dict[str, Any]) -> Span:
    return _row(_text(message["channel"])) if message.get("type") in _HANDLERS else NOOP


def _row(channel: str) -> Span:
    span = tracing.active().receive(f"process {channel}", (), "consumer")
    span.peer, span.peer_kind = channel, "mq"
    span.tag("messaging.system", "redis")
    span.begin()
    return span


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
