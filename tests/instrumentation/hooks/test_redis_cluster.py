"""redis-py's cluster clients against a real cluster of two nodes."""

import asyncio
import contextlib

import pytest
import redis
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.cluster import RedisCluster

import hopline
from hopline.model import path_key

SLOTS = 16_384


@pytest.fixture
def client(redis_cluster):
    with contextlib.closing(RedisCluster("127.0.0.1", redis_cluster[0])) as client:
        yield client


@pytest.fixture(autouse=True)
def _hook(client, install):
    install("redis")


def clients(recorder):
    return sorted((row for row in recorder.spans if row.kind == "client"), key=lambda row: path_key(row.span_id))


def test_commands_name_the_node_that_answers(recorder, client, redis_cluster):
    """I4: a command is one client row of kind cache, whose peer is the node that has its key."""
    with hopline.span("work"):
        client.set("a", "1")  # slot 15495
        assert client.get("b") is None  # slot 3300
    assert [(row.span_id, row.name, row.peer, row.peer_kind) for row in clients(recorder)] == [
        ("0.1", "SET", f"127.0.0.1:{redis_cluster[1]}", "cache"),
        ("0.2", "GET", f"127.0.0.1:{redis_cluster[0]}", "cache"),
    ]


def test_command_for_all_nodes_is_a_row_for_each(recorder, client, redis_cluster):
    """I4: a command that goes to every node is a row for each, none of them a retry."""
    with hopline.span("work"):
        client.execute_command("PING", target_nodes=RedisCluster.PRIMARIES)
    assert {(row.peer, row.attempt) for row in clients(recorder)} == {
        (f"127.0.0.1:{port}", 0) for port in redis_cluster
    }


def test_a_moved_key_is_one_row(recorder, client, redis_cluster):
    """I4: a redirect to the node that has the key is part of the attempt."""
    first, second = (client.get_node("127.0.0.1", port) for port in redis_cluster)
    client.nodes_manager.slots_cache = {slot: [first] for slot in range(SLOTS)}
    assert second
    with hopline.span("work"):
        client.set("a", "2")
    assert [(row.name, row.error) for row in clients(recorder)] == [("SET", False)]


def test_server_error_is_raised_unchanged(recorder, client):
    """I10: the application gets redis-py's own error, and the row keeps it."""
    client.set("text", "x")
    with hopline.span("work"), pytest.raises(redis.ResponseError, match="not an integer"):
        client.incr("text")
    assert clients(recorder)[-1].error_type == "ResponseError"


def test_retries_are_rows_with_their_number(recorder, client, monkeypatch):
    """I4: an attempt that failed at its node is a failed row, the next one has attempt 1."""
    lose = [redis.ConnectionError("lost")]
    parse = redis.Redis.parse_response

    def parse_response(*arguments, **options):
        if lose and arguments[2] == "GET":
            raise lose.pop()
        return parse(*arguments, **options)

    monkeypatch.setattr(redis.Redis, "parse_response", parse_response)
    with hopline.span("work"):
        client.get("a")
    gets = [(row.attempt, row.error_type) for row in clients(recorder) if row.name == "GET"]
    assert gets == [(0, "ConnectionError"), (1, "")]


def test_pipeline_is_one_call(recorder, client):
    """I4: a pipeline over several nodes is one row with the number of its commands."""
    with hopline.span("work"):
        with client.pipeline() as pipeline:
            pipeline.set("a", "1").set("b", "2")
            assert pipeline.execute() == [True, True]
        client.pipeline().execute()
    (row,) = clients(recorder)
    assert (row.name, row.tags["db.operation.batch.size"], row.peer_kind) == ("PIPELINE", "2", "cache")


def test_asyncio(recorder, redis_cluster):
    """I4: the asyncio client and its pipelines, from many tasks at once."""

    async def main():
        async with AsyncRedisCluster("127.0.0.1", redis_cluster[0]) as client, hopline.span("work"):
            await client.set("a", "1")
            assert await asyncio.gather(*(client.get("a") for _ in range(10))) == [b"1"] * 10
            async with client.pipeline() as pipeline:
                assert await pipeline.get("a").set("b", "2").execute() == [b"1", True]

    asyncio.run(main())
    commands = [row for row in clients(recorder) if row.span_id.startswith("0.")]
    assert sorted(row.name for row in commands) == ["GET"] * 10 + ["PIPELINE", "SET"]
    assert {row.peer_kind for row in commands} == {"cache"}


def test_uninstall_brings_the_originals_back():
    """I4: uninstall brings the originals back."""
    hopline.uninstall("redis")
    assert not hasattr(RedisCluster._execute_command, "__wrapped__")
    assert not hasattr(AsyncRedisCluster._execute_command, "__wrapped__")
