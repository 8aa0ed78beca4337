"""arq: a producer row per job enqueued, a consumer row around each run of a job's function.

The context travels in the job as redis keeps it, beside the function's name and arguments, where a worker without
this hook does not look. What a worker's own clock enqueues has no row: each run of a cron job begins a trace.
"""

import contextlib
import copy
import functools
import pickle
from contextvars import ContextVar
from typing import Any, Final

from arq import connections, worker
from arq.connections import ArqRedis
from arq.worker import Retry, RetryJob, Worker

from hopline import tracer as tracing
from hopline.context import Detached
from hopline.hooks import messaging, outgoing, queue_process
from hopline.hooks.around import Start, around_async
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_FIELD: Final = "hopline"
"""The job's field with the headers."""

_patches = Patches()
_sent: ContextVar[dict[str, str] | None] = ContextVar("hopline_arq_sent", default=None)
"""Headers for the job that is being enqueued here."""
_received: ContextVar[Any] = ContextVar("hopline_arq_received", default=None)
"""What the job that is being run here came with."""


def install() -> None:
    """Patch the enqueueing and the running of jobs; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(ArqRedis, "enqueue_job", around_async(_start, _enqueued))
        _patches.wrap(connections, "serialize_job", _with_headers)
        _patches.wrap(worker, "deserialize_job_raw", _noting_headers)
        _patches.wrap(Worker, "__init__", _made)
        _patches.wrap(Worker, "main", _working)
        _patches.wrap(Worker, "close", _working)


def uninstall() -> None:
    """Put the originals back; functions of workers that were made with the hook make no more rows."""
    _patches.undo()


def _start(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Producer row of one job, begun; :func:`_with_headers` puts its headers into the job."""
    _sent.set(None)
    if queue_process.is_housekeeping():
        return NOOP
    pool, function = args[0], args[1] if len(args) > 1 else kwargs["function"]
    span = messaging.sending("arq", kwargs.get("_queue_name") or pool.default_queue_name, function)
    _sent.set(dict(outgoing.headers(span, pool.connection_pool.connection_kwargs.get("host"))))
    span.begin()
    return span


def _enqueued(span: Span, job: Any) -> None:
    """A job with the same id may be there already; then none was made, and the row names none."""
    if job is not None:
        span.attr("messaging.message.id", job.job_id)
    span.finish()


def _with_headers(original: Any) -> Any:
    @functools.wraps(original)
    def serialize_job(*args: Any, serializer: Any = None, **kwargs: Any) -> Any:
        headers = _sent.get()
        if headers:
            write = serializer or pickle.dumps
            with contextlib.suppress(Exception):  # a serializer of a fixed form goes without them
                return original(*args, serializer=lambda job: write({**job, _FIELD: headers}), **kwargs)
        return original(*args, serializer=serializer, **kwargs)

    return serialize_job


def _noting_headers(original: Any) -> Any:
    @functools.wraps(original)
    def deserialize_job_raw(*args: Any, deserializer: Any = None, **kwargs: Any) -> Any:
        def read(raw: bytes) -> Any:
            job = (deserializer or pickle.loads)(raw)
            _received.set(job.get(_FIELD) if isinstance(job, dict) else None)
            return job

        return original(*args, deserializer=read, **kwargs)

    return deserialize_job_raw


def _made(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: Worker, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        safely(_trace, self)

    return init


def _trace(made: Worker) -> None:
    """Wrap the functions of a worker, which may share them with others."""
    traced = {name: copy.copy(function) for name, function in made.functions.items()}
    for name, function in traced.items():
        function.coroutine = around_async(_run(made.queue_name, name), failed=_failed)(function.coroutine)
    made.functions = traced


def _run(queue: str, name: str) -> Start:
    def start(args: list[Any], _kwargs: dict[str, Any]) -> Span:
        if not _patches.applied or not tracing.active().enabled:
            return NOOP
        context = args[0]
        span = messaging.handling("arq", queue, messaging.text_headers(_received.get()), name)
        span.attr("messaging.message.id", context["job_id"])
        if span.recording and context["job_try"] > 1:
            span.set_attempt(context["job_try"] - 1)
        span.begin()
        return span

    return start


def _failed(span: Span, error: BaseException) -> None:
    """The run that asks for a retry has failed, by what made it ask."""
    span.finish((isinstance(error, Retry | RetryJob) and (error.__cause__ or error.__context__)) or error)


def _working(original: Any) -> Any:
    @functools.wraps(original)
    async def working(*args: Any, **kwargs: Any) -> Any:
        queue_process.begin()
        try:
            with Detached():
                return await original(*args, **kwargs)
        finally:
            queue_process.end()

    return working
