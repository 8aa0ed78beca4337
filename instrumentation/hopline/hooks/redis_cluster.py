"""redis-py's cluster clients: one client row per attempt at a node, one for a whole pipeline.

A redirect to another node (``MOVED``, ``ASK``) is part of the attempt that met it:
redis-py follows it inside the function that this wraps.
"""

import functools
from contextvars import ContextVar
from typing import Any, Final

import redis.asyncio.cluster
import redis.cluster

from hopline.hooks.around import around, around_async
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span
from hopline.tracer import call

_rows: ContextVar[list[Span] | None] = ContextVar("hopline_redis_rows", default=None)
"""The rows of the present command so far; those that failed were attempts."""

_TRANSACTION: Final = "TransactionStrategy"


def patch(patches: Patches) -> None:
    """Add the cluster clients to what ``patches`` replaces."""
    for clients, command, wrapper in (
        (redis.cluster, _command, around),
        (redis.asyncio.cluster, _command_async, around_async),
    ):
        patches.wrap(clients.RedisCluster, "execute_command", command)
        patches.wrap(clients.RedisCluster, "_execute_command", wrapper(_start))
        patches.wrap(clients.ClusterPipeline, "execute", wrapper(_start_pipeline))


def _command(original: Any) -> Any:
    @functools.wraps(original)
    def execute_command(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = _rows.set([])
        try:
            return original(self, *args, **kwargs)
        finally:
            _rows.reset(token)

    return execute_command


def _command_async(original: Any) -> Any:
    @functools.wraps(original)
    async def execute_command(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = _rows.set([])
        try:
            return await original(self, *args, **kwargs)
        finally:
            _rows.reset(token)

    return execute_command


def _start(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    """Row of one attempt at a node, begun."""
    _cluster, node, *words = args
    word = words[0] if words else ""
    name = (word.decode("ascii", "replace") if isinstance(word, bytes) else str(word)).upper()
    span = _row(name, node)
    rows = _rows.get()
    if rows is not None and span.recording:
        span.set_attempt(sum(row.detail.error for row in rows))
        rows.append(span)
    span.begin()
    return span


def _start_pipeline(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    """Row of a pipeline, begun; its commands may go to any node, so one that the cluster is known by stands for it."""
    pipeline = args[0]
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
