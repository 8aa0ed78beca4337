"""redis-py, sync and asyncio: one client row per attempt of a command or pipeline.

Cluster clients and subscriptions are in :mod:`hopline.hooks.redis_cluster` and
:mod:`hopline.hooks.redis_pubsub`.

The first row spans the wait for a connection too, so that a server that cannot be
reached is seen; redis-py's own retries get rows of their own. Arguments are not
kept: keys and values may be personal.
"""

import functools
from contextvars import ContextVar
from typing import Any, Final

import redis
import redis.asyncio
import redis.asyncio.client
import redis.client

from hopline.hooks import queue_process, redis_cluster, redis_pubsub
from hopline.hooks.guard import safely, span_or_noop
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span
from hopline.tracer import call

_ATTEMPTS: Final = ("_send_command_parse_response", "_execute_transaction", "_execute_pipeline")
"""Where redis-py tries once; a class has those that it needs."""

_patches = Patches()


def install() -> None:
    """Patch clients and pipelines; further calls change nothing."""
    if _patches.applied:
        return
    for client, pipeline, command, attempt in (
        (redis.Redis, redis.client.Pipeline, _command, _attempt),
        (redis.asyncio.Redis, redis.asyncio.client.Pipeline, _command_async, _attempt_async),
    ):
        _patches.wrap(client, "execute_command", functools.partial(command, name=_command_name))
        _patches.wrap(pipeline, "immediate_execute_command", functools.partial(command, name=_command_name))
        _patches.wrap(pipeline, "execute", functools.partial(command, name=_pipeline_name))
        for method in _ATTEMPTS:
            _patches.wrap(client, method, attempt)
            _patches.wrap(pipeline, method, attempt)
    redis_cluster.patch(_patches)
    redis_pubsub.patch(_patches)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


class _Call:
    """One command: the row of its present attempt."""

    __slots__ = ("_attempts", "_client", "_name", "span")

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name
        self._attempts = 0
        self.span = self._begin()

    def next_attempt(self) -> Span:
        """The row made at the beginning, then a new one for each retry."""
        if self._attempts:
            self.span = self._begin()
        self._attempts += 1
        return self.span

    def _begin(self) -> Span:
        return span_or_noop(_start, self._client, self._name, self._attempts)


_current: ContextVar[_Call | None] = ContextVar("hopline_redis_call", default=None)


def _command(original: Any, name: Any) -> Any:
    @functools.wraps(original)
    def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        label = safely(name, self, args)
        if not label:
            return original(self, *args, **kwargs)
        one = _Call(self, label)
        token = _current.set(one)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            safely(one.span.finish, error)
            raise
        finally:
            _current.reset(token)
        safely(one.span.finish)
        return result

    return execute


def _command_async(original: Any, name: Any) -> Any:
    @functools.wraps(original)
    async def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        label = safely(name, self, args)
        if not label:
            return await original(self, *args, **kwargs)
        one = _Call(self, label)
        token = _current.set(one)
        try:
            result = await original(self, *args, **kwargs)
        except BaseException as error:
            safely(one.span.finish, error)
            raise
        finally:
            _current.reset(token)
        safely(one.span.finish)
        return result

    return execute


def _attempt(original: Any) -> Any:
    @functools.wraps(original)
    def attempt(self: Any, *args: Any, **kwargs: Any) -> Any:
        one = _current.get()
        if one is None:
            return original(self, *args, **kwargs)
        span = one.next_attempt()
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            safely(span.finish, error)
            raise

    return attempt


def _attempt_async(original: Any) -> Any:
    @functools.wraps(original)
    async def attempt(self: Any, *args: Any, **kwargs: Any) -> Any:
        one = _current.get()
        if one is None:
            return await original(self, *args, **kwargs)
        span = one.next_attempt()
        try:
            return await original(self, *args, **kwargs)
        except BaseException as error:
            safely(span.finish, error)
            raise

    return attempt


def _command_name(_client: Any, args: tuple[Any, ...]) -> str:
    """The command without its arguments."""
    word = args[0] if args else ""
    return (word.decode("ascii", "replace") if isinstance(word, bytes) else str(word)).upper()


def _pipeline_name(pipeline: Any, _args: tuple[Any, ...]) -> str:
    """Empty for a pipeline that has nothing to send."""
    if not getattr(pipeline, "command_stack", None):
        return ""
    # The asyncio pipeline calls it `is_transaction`.
    atomic = getattr(pipeline, "is_transaction", getattr(pipeline, "transaction", True))
    return "MULTI" if atomic or getattr(pipeline, "explicit_transaction", False) else "PIPELINE"


def _start(client: Any, name: str, attempt: int) -> Span:
    """Row of one attempt, begun; none for what a worker of a job queue asks between its jobs."""
    if queue_process.is_housekeeping():
        return NOOP
    settings = client.connection_pool.connection_kwargs
    host, port = settings.get("host", "localhost"), settings.get("port", 6379)
    path = settings.get("path")
    span = call(name, peer=path or f"{host}:{port}", peer_kind="cache")
    if span.recording:
        span.tag("db.system.name", "redis")
        span.tag("db.operation.name", name)
        span.tag("db.namespace", settings.get("db") or 0)
        span.tag("server.address", path or host)
        if not path:
            span.tag("server.port", port)
        if name in {"MULTI", "PIPELINE"}:
            span.tag("db.operation.batch.size", len(client.command_stack))
        if attempt:
            span.set_attempt(attempt)
    span.begin()
    return span
