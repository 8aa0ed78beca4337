"""Celery: a producer row per task sent, a consumer row around each run of a task.

Uses Celery's signals, and wraps the sending itself so that a broker that cannot be
reached is a failed row. A retry is a message of its own; its run says which attempt
it is. A task that is called eagerly runs under a local row.
"""

import functools
from contextvars import ContextVar
from typing import Any, Final

from celery import Celery, signals
from kombu.utils.url import parse_url

from hopline import tracer as tracing
from hopline.api import flush
from hopline.context import Active, current
from hopline.hooks import outgoing, queue_process
from hopline.hooks.guard import never_raises, safely, span_or_noop
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span
from hopline.tracer import call
from hopline.tracer import span as local_span

_RUN: Final = "_hopline_run"

_REMOTE: Final = frozenset({"sqs", "gcpubsub"})
"""Brokers whose address names no host, and which are not on this machine."""

_patches = Patches()
_broker: ContextVar[str | None] = ContextVar("hopline_celery_broker", default=None)


def install() -> None:
    """Patch ``Celery.send_task`` and connect the signals; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(Celery, "send_task", _send)
        for signal, receiver in _RECEIVERS:
            signal.connect(receiver, weak=False)


def uninstall() -> None:
    """Put the original back and disconnect."""
    _patches.undo()
    for signal, receiver in _RECEIVERS:
        signal.disconnect(receiver)


def _send(original: Any) -> Any:
    @functools.wraps(original)
    def send_task(self: Celery, name: str, *args: Any, **kwargs: Any) -> Any:
        token = _broker.set(safely(broker_host, self))
        span = span_or_noop(_producer_row, name)
        try:
            if span is NOOP:
                return original(self, name, *args, **kwargs)
            with Active(span):
                result = original(self, name, *args, **kwargs)
        except BaseException as error:
            safely(span.finish, error)
            raise
        finally:
            _broker.reset(token)
        safely(span.finish)
        return result

    return send_task


def _producer_row(name: str) -> Span:
    span = call(f"send {name}", kind="producer", peer_kind="mq")
    span.tag("messaging.system", "celery")
    span.begin()
    return span


def broker_host(app: Celery) -> str | None:
    """The host that decides whether baggage may go to the broker; ``None`` for one inside this machine."""
    urls = app.conf.broker_write_url or app.conf.broker_url or "amqp://localhost"
    parsed = [parse_url(url) for url in (urls.split(";") if isinstance(urls, str) else urls)]
    return outgoing.least_trusted(
        [one["hostname"] or "" for one in parsed if one["hostname"] or one["transport"] in _REMOTE]
    )


@never_raises
def _before_publish(headers: dict[str, Any] | None = None, exchange: str = "", routing_key: str = "", **_: Any) -> None:
    """Write the producer row's headers into the message, whose queue is known now."""
    span = current.get()
    if headers is None or span is None or span is NOOP:
        return
    if span.kind == "producer":
        span.peer = routing_key or exchange
    for name in outgoing.NAMES:
        headers.pop(name, None)  # a retry copies the headers of the run before it
    headers.update(outgoing.headers(span, _broker.get()))


class _Run:
    """The row of one run of a task, current while it runs."""

    __slots__ = ("_active", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self._active = Active(span)
        span.begin()
        self._active.__enter__()

    def end(self) -> None:
        self._active.__exit__()
        self.span.finish()


@never_raises
def _started(task: Any = None, **_: Any) -> None:
    request = task.request
    if not tracing.active().enabled:
        return
    if request.is_eager:
        span = local_span(f"run {task.name}")
    else:
        headers = {name: str(value) for name in outgoing.NAMES if (value := request.get(name))}
        span = tracing.active().receive(f"process {task.name}", headers, "consumer")
        span.peer = (request.delivery_info or {}).get("routing_key") or ""
        span.peer_kind = "mq"
        span.tag("messaging.system", "celery")
        span.attr("messaging.message.id", request.id)
    if span is NOOP:
        return
    if span.recording and request.retries:
        span.set_attempt(request.retries)
    setattr(request, _RUN, _Run(span))


@never_raises
def _ended(task: Any = None, **_: Any) -> None:
    run: _Run | None = getattr(task.request, _RUN, None)
    if run is not None:
        delattr(task.request, _RUN)
        run.end()


@never_raises
def _failed(sender: Any = None, exception: BaseException | None = None, **_: Any) -> None:
    _note(sender.request, exception)


@never_raises
def _retried(request: Any = None, reason: Any = None, **_: Any) -> None:
    """The run that asks for a retry has failed."""
    _note(request, getattr(reason, "exc", None) or reason)


def _note(request: Any, error: Any) -> None:
    run: _Run | None = getattr(request, _RUN, None)
    if run is not None and isinstance(error, BaseException):
        run.span.record_exception(error)


@never_raises
def _process_ends(**_: Any) -> None:
    """A pool's process ends without its exit functions."""
    flush(tracing.active().config.exit_timeout_s)


@never_raises
def _worker_begins(**_: Any) -> None:
    queue_process.begin()


@never_raises
def _worker_ends(**_: Any) -> None:
    queue_process.end()


_RECEIVERS: Final = (
    (signals.celeryd_init, _worker_begins),
    (signals.beat_init, _worker_begins),
    (signals.worker_shutdown, _worker_ends),
    (signals.before_task_publish, _before_publish),
    (signals.task_prerun, _started),
    (signals.task_postrun, _ended),
    (signals.task_failure, _failed),
    (signals.task_retry, _retried),
    (signals.worker_process_shutdown, _process_ends),
)
