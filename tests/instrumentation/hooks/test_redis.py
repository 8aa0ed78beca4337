"""redis-py against a real server."""

import asyncio

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

import hopline


@pytest.fixture(autouse=True)
def _hook(install):
    install("redis")


@pytest.fixture
def client(redis_port):
    with redis.Redis(port=redis_port, retry=Retry(NoBackoff(), 2)) as client:
        yield client


def clients(recorder):
    return [row for row in recorder.spans if row.kind == "client"]


def test_one_client_row_per_command(recorder, client, redis_port):
    """I4: a command is a client row of kind cache, without its arguments."""
    with hopline.span("work"):
        client.set("user:4711", "secret")
        assert client.get("user:4711") == b"secret"
    assert [(row.span_id, row.name) for row in clients(recorder)] == [("0.1", "SET"), ("0.2", "GET")]
    row = clients(recorder)[0]
    assert (row.peer, row.peer_kind) == (f"localhost:{redis_port}", "cache")
    assert row.tags == {
        "db.system.name": "redis",
        "db.operation.name": "SET",
        "db.namespace": "0",
        "server.address": "localhost",
        "server.port": str(redis_port),
    }
    assert row.attrs == {}


def test_pipeline_is_one_call(recorder, client):
    """I4: a pipeline is one row with the number of its commands."""
    with hopline.span("work"):
        with client.pipeline() as pipeline:
            pipeline.set("a", 1).incr("a")
            assert pipeline.execute() == [True, 2]
            assert pipeline.execute() == []
        with client.pipeline(transaction=False) as pipeline:
            pipeline.get("a").execute()
    rows = [(row.name, row.tags["db.operation.batch.size"]) for row in clients(recorder)]
    assert rows == [("MULTI", "2"), ("PIPELINE", "1")]


def test_watching_pipeline(recorder, client):
    """I4: what a pipeline asks at once, while it watches, are calls too."""
    with hopline.span("work"), client.pipeline() as pipeline:
        pipeline.watch("a")
        pipeline.get("a")
        pipeline.multi()
        pipeline.incr("a")
        pipeline.execute()
    assert [row.name for row in clients(recorder)] == ["WATCH", "GET", "MULTI"]


def test_server_error_is_raised_unchanged(recorder, client):
    """I10: the application gets redis-py's own error, and the row keeps it."""
    with hopline.span("work"), pytest.raises(redis.ResponseError):
        client.execute_command("lpush", "only-a-key")
    row = recorder.one(kind="client")
    assert (row.name, row.error_type, row.attempt) == ("LPUSH", "ResponseError", 0)


def test_retries_are_rows_with_their_number(recorder, client, monkeypatch):
    """I4: redis-py's own retries are rows of their own, numbered by attempt."""
    original = redis.Connection.send_command
    failures = [redis.ConnectionError("cut"), redis.ConnectionError("cut")]

    def flaky(self, *args, **kwargs):
        if args[0] == "GET" and failures:
            raise failures.pop()
        return original(self, *args, **kwargs)

    client.ping()
    monkeypatch.setattr(redis.Connection, "send_command", flaky)
    with hopline.span("work"):
        client.get("a")
    rows = [(row.span_id, row.attempt, row.error_type) for row in clients(recorder) if row.name == "GET"]
    assert rows == [("0.1", 0, "ConnectionError"), ("0.2", 1, "ConnectionError"), ("0.3", 2, "")]


def test_server_that_is_away(recorder, closed_port):
    """I4: a server that cannot be reached shows as one failed call."""
    client = redis.Redis(port=closed_port, retry=Retry(NoBackoff(), 0))
    with hopline.span("work"), client, pytest.raises(redis.ConnectionError):
        client.get("a")
    assert recorder.one(kind="client").error_type == "ConnectionError"


def test_asyncio(recorder, redis_port):
    """I4: the asyncio client and its pipelines, from many tasks at once."""

    async def work():
        async with redis.asyncio.Redis(port=redis_port) as client, hopline.span("work"):
            await client.set("b", 1)
            await asyncio.gather(*(client.get("b") for _ in range(20)))
            async with client.pipeline() as pipeline:
                assert await pipeline.incr("b").execute() == [2]
            with pytest.raises(redis.ResponseError):
                await client.execute_command("LPUSH", "only-a-key")

    asyncio.run(work())
    rows = clients(recorder)
    assert {row.span_id for row in rows} == {f"0.{number}" for number in range(1, 24)}
    assert [row.name for row in rows if row.name != "GET"] == ["SET", "MULTI", "LPUSH"]


def test_uninstall_restores_the_originals():
    """I4: uninstall brings the originals back."""
    hopline.install("redis")
    patched = redis.Redis.execute_command
    hopline.uninstall("redis")
    assert redis.Redis.execute_command is patched.__wrapped__
    assert not hasattr(redis.asyncio.Redis.execute_command, "__wrapped__")
