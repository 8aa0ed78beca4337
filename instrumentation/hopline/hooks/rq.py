"""RQ: a producer row per job enqueued, a consumer row around each run of a job, in the work horse's process too.

The context travels in the job's ``meta``, under ``hopline``.
"""

import functools
from typing import Any, Final

from redis.connection import ConnectionPool
from rq import Queue
from rq.job import Job
from rq.worker import BaseWorker

from hopline import tracer as tracing
from hopline.hooks import messaging, outgoing, queue_process
from hopline.hooks.around import around
from hopline.hooks.guard import span_or_noop
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_META: Final = "hopline"

_patches = Patches()


def install() -> None:
    """Patch the enqueueing and the running of jobs; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(Queue, "enqueue_call", around(_enqueueing))
        _patches.wrap(Queue, "_enqueue_job", around(_start))
        _patches.wrap(Job, "perform", around(_run))
        _patches.wrap(BaseWorker, "work", _working)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _enqueueing(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Producer row of a job that is yet to be made, begun; :func:`_start` gives the job this row's headers."""
    queue, function = args[0], args[1] if len(args) > 1 else kwargs["func"]
    named = isinstance(function, str) or not hasattr(function, "__qualname__")
    name = str(function) if named else f"{function.__module__}.{function.__qualname__}"
    span = messaging.sending("rq", queue.name, name)
    span.begin()
    return span


def _start(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Producer row of one job, begun, its headers among the job's meta."""
    queue, job = args[0], args[1] if len(args) > 1 else kwargs["job"]
    span = span_or_noop(messaging.sending, "rq", queue.name, job.func_name)
    headers = dict(outgoing.headers(span, _host(queue.connection.connection_pool)))
    if headers:
        job.meta[_META] = headers
    span.begin()
    return span


def _host(pool: ConnectionPool) -> str | None:
    """The host that decides on baggage; ``None`` for a socket of this machine."""
    host: str | None = pool.connection_kwargs.get("host")
    return host


def _working(original: Any) -> Any:
    @functools.wraps(original)
    def work(*args: Any, **kwargs: Any) -> Any:
        queue_process.begin()
        try:
            return original(*args, **kwargs)
        finally:
            queue_process.end()

    return work


def _run(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    job: Job = args[0]
    if not tracing.active().enabled:
        return NOOP
    span = messaging.handling("rq", job.origin or "", messaging.text_headers(job.meta.get(_META)), job.func_name or "")
    span.attr("messaging.message.id", job.id)
    span.begin()
    return span
