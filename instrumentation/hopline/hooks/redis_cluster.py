"""redis-py's cluster clients: one client row per attempt at a node, one for a whole pipeline.

A redirect to another node (``MOVED``, ``ASK``) is part of the attempt that met it:
redis-py follows it inside the function that this wraps.
"""

import functools
from contextvars import ContextVar
from typing import Any, Final

import redis.asyncio.cluster
import redis.cluster

from hopline.context import Active
from hopline.hooks.guard import guarded, quietly
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span
from hopline.tracer import call

_failures: ContextVar[list[str] | None] = ContextVar("hopline_redis_failures", default=None)
"""The nodes at which the present command has failed so far."""

_TRANSACTION: Final = "TransactionStrategy"


def patch(patches: Patches) -> None:
    """Add the cluster clients to what ``patches`` replaces."""
    for clients, command, attempt, pipeline in (
        (redis.cluster, _command, _attempt, _pipeline),
        (redis.asyncio.cluster, _command_async, _attempt_async, _pipeline_async),
    ):
        patches.wrap(clients.RedisCluster, "execute_command", command)
        patches.wrap(clients.RedisCluster, "_execute_command", attempt)
        patches.wrap(clients.ClusterPipeline, "execute", pipeline)


def _command(original: Any) -> Any:
    @functools.wraps(original)
    def execute_command(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = _failures.set([])
        try:
            return original(self, *args, **kwargs)
        finally:
            _failures.reset(token)

    return execute_command


def _command_async(original: Any) -> Any:
    @functools.wraps(original)
    async def execute_command(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = _failures.set([])
        try:
            return await original(self, *args, **kwargs)
        finally:
            _failures.reset(token)

    return execute_command


def _attempt(original: Any) -> Any:
    @functools.wraps(original)
    def execute(self: Any, target_node: Any, *args: Any, **kwargs: Any) -> Any:
        span = guarded(_start, target_node, args)
        if span is NOOP:
            return original(self, target_node, *args, **kwargs)
        try:
            with Active(span):
                result = original(self, target_node, *args, **kwargs)
        except BaseException as error:
            quietly(_failed, span, error)
            raise
        quietly(span.finish)
        return result

    return execute


def _attempt_async(original: Any) -> Any:
    @functools.wraps(original)
    async def execute(self: Any, target_node: Any, *args: Any, **kwargs: Any) -> Any:
        span = guarded(_start, target_node, args)
        if span is NOOP:
            return await original(self, target_node, *args, **kwargs)
        try:
            with Active(span):
                result = await original(self, target_node, *args, **kwargs)
        except BaseException as error:
            quietly(_failed, span, error)
            raise
        quietly(span.finish)
        return result

    return execute


def _pipeline(original: Any) -> Any:
    @functools.wraps(original)
    def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        span = guarded(_start_pipeline, self)
        if span is NOOP:
            return original(self, *args, **kwargs)
        try:
            with Active(span):
                result = original(self, *args, **kwargs)
        except BaseException as error:
            quietly(span.finish, error)
            raise
        quietly(span.finish)
        return result

    return execute


def _pipeline_async(original: Any) -> Any:
    @functools.wraps(original)
    async def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        span = guarded(_start_pipeline, self)
        if span is NOOP:
            return await original(self, *args, **kwargs)
        try:
            with Active(span):
                result = await original(self, *args, **kwargs)
        except BaseException as error:
            quietly(span.finish, error)
            raise
        quietly(span.finish)
        return result

    return execute


def _start(node: Any, args: tuple[Any, ...]) -> Span:
    """Row of one attempt at ``node``, begun."""
    word = args[0] if args else ""
    name = (word.decode("ascii", "replace") if isinstance(word, bytes) else str(word)).upper()
    span = _row(name, node)
    failures = _failures.get()
    if failures and span.recording:
        span.set_attempt(len(failures))
    span.begin()
    return span


def _start_pipeline(pipeline: Any) -> Span:
    """Row of a pipeline, begun; its commands may go to any node, so one that the cluster is known by stands for it."""
    size = len(pipeline)
    if not size:
        return NOOP
    cluster = getattr(pipeline, "cluster_client", None) or pipeline
    strategy = type(getattr(pipeline, "_execution_strategy", None)).__name__
    span = _row("MULTI" if strategy == _TRANSACTION else "PIPELINE", cluster.get_default_node())
    span.tag("db.operation.batch.size", size)
    span.begin()
    return span


def _row(name: str, node: Any) -> Span:
    span = call(name, peer=f"{node.host}:{node.port}", peer_kind="cache")
    if span.recording:
        span.tag("db.system.name", "redis")
        span.tag("db.operation.name", name)
        span.tag("server.address", node.host)
        span.tag("server.port", node.port)
    return span


def _failed(span: Span, error: BaseException) -> None:
    failures = _failures.get()
    if failures is not None:
        failures.append(span.peer)
    span.finish(error)
