"""redis-py: sync, asyncio, cluster."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import redis
import redis.asyncio
from redis.cluster import RedisCluster

from support.contract.client import Calls, Subject


def use(env: Callable[[str], Any]) -> Calls:
    port = env("redis_port")
    client = redis.Redis(port=port)
    client.set("text", "not a list")
    return Calls(
        good=lambda: client.get("text"),
        bad=lambda: client.lpush("text", "1"),
        error=redis.ResponseError,
        row={"name": "GET", "peer": f"localhost:{port}", "peer_kind": "cache"},
        close=client.close,
    )


def use_async(env: Callable[[str], Any]) -> Calls:
    port = env("redis_port")
    with redis.Redis(port=port) as client:
        client.set("text", "not a list")

    def run(act: Callable[[Any], Any]) -> Any:
        async def command() -> Any:
            async with redis.asyncio.Redis(port=port) as client:
                return await act(client)

        return asyncio.run(command())

    return Calls(
        good=lambda: run(lambda client: client.get("text")),
        bad=lambda: run(lambda client: client.lpush("text", "1")),
        error=redis.ResponseError,
        row={"name": "GET", "peer": f"localhost:{port}", "peer_kind": "cache"},
    )


def use_cluster(env: Callable[[str], Any]) -> Calls:
    client = RedisCluster("127.0.0.1", env("redis_cluster")[0])
    client.set("text", "not a list")
    return Calls(
        good=lambda: client.get("text"),
        bad=lambda: client.lpush("text", "1"),
        error=redis.ResponseError,
        row={"name": "GET", "peer_kind": "cache"},
        close=lambda: contextlib.closing(client).__exit__(),
    )


SUBJECTS = [
    Subject("redis", ("redis",), use, patched=lambda: redis.Redis.execute_command),
    Subject("redis (asyncio)", ("redis",), use_async, patched=lambda: redis.asyncio.Redis.execute_command),
    Subject("redis (cluster)", ("redis",), use_cluster, patched=lambda: RedisCluster.execute_command),
]
