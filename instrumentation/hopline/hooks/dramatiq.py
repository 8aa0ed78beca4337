"""dramatiq: a producer row per message enqueued, a consumer row around each run of an actor.

The context travels in the message's options, under ``hopline``. A message that a worker takes out of its delay
queue, or enqueues anew outside any span, keeps the context that it has.
"""

import functools
from typing import Any, Final

import dramatiq
from dramatiq.broker import Broker

from hopline import tracer as tracing
from hopline.context import Active, current
from hopline.hooks import messaging, outgoing, queue_process
from hopline.hooks.around import around
from hopline.hooks.guard import never_raises, safely, span_or_noop
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_OPTION: Final = "hopline"
_RUN: Final = "_hopline_run"

_patches = Patches()
_brokers: set[type[Broker]] = set()
"""Classes whose ``enqueue`` is patched."""


def install() -> None:
    """Patch the making of brokers, and those in use; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(Broker, "__init__", _made)
        known = dramatiq.broker.global_broker
        if known is not None:
            _trace(known)


def uninstall() -> None:
    """Put the originals back; middleware of ours that is in place makes no more rows."""
    _patches.undo()
    _brokers.clear()


def _made(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: Broker, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        safely(_trace, self)

    return init


def _trace(broker: Broker) -> None:
    if not any(isinstance(one, _Runs) for one in broker.middleware):
        broker.add_middleware(_Runs())
    if type(broker) not in _brokers:
        _brokers.add(type(broker))
        _patches.wrap(type(broker), "enqueue", around(_start))


def _start(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Producer row of one message, begun, its headers among the message's options."""
    message = args[1] if len(args) > 1 else kwargs["message"]
    if current.get() is None and _OPTION in message.options:
        return NOOP
    span = span_or_noop(messaging.sending, "dramatiq", message.queue_name, message.actor_name)
    headers = dict(outgoing.headers(span, _host(args[0])))
    if headers:
        message.options[_OPTION] = headers
    span.begin()
    return span


def _host(broker: Any) -> str | None:
    """The host that decides on baggage, as far as the broker tells; ``None`` for one inside this machine."""
    client = getattr(broker, "client", None)
    if client is not None:
        host: str | None = client.connection_pool.connection_kwargs.get("host")
        return host
    parameters = getattr(broker, "parameters", None)
    return outgoing.least_trusted([str(getattr(one, "host", "")) for one in parameters]) if parameters else None


class _Runs(dramatiq.Middleware):
    """A row around each run; dramatiq tells of messages on the thread that runs the actor."""

    @never_raises
    def before_worker_boot(self, _broker: Any, _worker: Any) -> None:
        queue_process.begin()

    @never_raises
    def after_worker_shutdown(self, _broker: Any, _worker: Any) -> None:
        queue_process.end()

    @never_raises
    def before_process_message(self, _broker: Any, message: Any) -> None:
        if not _patches.applied or not tracing.active().enabled:
            return
        headers = messaging.text_headers(message.options.get(_OPTION))
        span = messaging.handling("dramatiq", message.queue_name, headers, message.actor_name)
        span.attr("messaging.message.id", message.message_id)
        if span.recording and message.options.get("retries"):
            span.set_attempt(message.options["retries"])
        span.begin()
        active = Active(span)
        active.__enter__()
        setattr(message, _RUN, (span, active))

    @never_raises
    def after_process_message(
        self, _broker: Any, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        del result
        run: tuple[Span, Active] | None = getattr(message, _RUN, None)
        if run is not None:
            delattr(message, _RUN)
            run[1].__exit__()
            run[0].finish(exception)

    @never_raises
    def after_skip_message(self, broker: Any, message: Any) -> None:
        self.after_process_message(broker, message)
