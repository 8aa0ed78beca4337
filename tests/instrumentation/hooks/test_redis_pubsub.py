"""redis-py's subscriptions against a real server."""

import asyncio

import pytest
import redis
import redis.asyncio

import hopline
from support.waiting import wait_until


@pytest.fixture(autouse=True)
def _hook(install):
    install("redis")


@pytest.fixture
def client(redis_port):
    with redis.Redis(port=redis_port) as client:
        yield client


def test_loop_over_messages(recorder, client):
    """I4: the loop's body runs under a consumer row of the channel; publishing is a call like any other."""
    with client.pubsub() as subscriptions:
        subscriptions.subscribe("orders")
        with hopline.span("work"):
            wait_until(lambda: client.publish("orders", "1"))
        client.publish("orders", "2")
        for message in subscriptions.listen():
            if message["type"] == "message":
                with hopline.span(f"handle {message['data'].decode()}"):
                    pass
            if message["data"] == b"2":
                break
    assert hopline.current_span().span_id == ""
    consumers = [row for row in recorder.spans if row.kind == "consumer"]
    assert [(row.span_id, row.name, row.peer, row.peer_kind) for row in consumers] == [
        ("0", "process orders", "orders", "mq")
    ] * 2
    assert recorder.one(name="handle 1").parent_id == consumers[0].id
    assert recorder.one(name="handle 2").parent_id == consumers[1].id
    assert recorder.one(kind="client", span_id="0.1").name == "PUBLISH"


def test_handlers(recorder, client):
    """I4: a registered handler runs under a consumer row, patterns too; its error fails the row and goes on."""

    def handle(message):
        with hopline.span("handle"):
            if message["data"] == b"bad":
                raise ValueError("no such order")

    with client.pubsub(ignore_subscribe_messages=True) as subscriptions:
        subscriptions.psubscribe(**{"order*": handle})
        wait_until(lambda: client.publish("orders", "good"))
        wait_until(lambda: subscriptions.get_message() or recorder.spans[-1].name == "handle")
        client.publish("orders", "bad")
        with pytest.raises(ValueError, match="no such order"):
            wait_until(lambda: subscriptions.get_message(timeout=1))
    rows = [(row.name, row.peer, row.error_type) for row in recorder.spans if row.kind == "consumer"]
    assert rows == [("process orders", "orders", ""), ("process orders", "orders", "ValueError")]


def test_asyncio_handlers(recorder, redis_port):
    """I4: the same for coroutines as handlers."""
    handled = []

    async def handle(message):
        async with hopline.span("handle"):
            handled.append(message["data"])

    async def main():
        async with redis.asyncio.Redis(port=redis_port) as client, client.pubsub() as subscriptions:
            await subscriptions.subscribe(orders=handle)
            await subscriptions.get_message(timeout=60)
            await client.publish("orders", "1")
            while not handled:
                await subscriptions.get_message(timeout=60)

    asyncio.run(main())
    consumer = recorder.one(kind="consumer")
    assert (consumer.name, recorder.one(name="handle").parent_id) == ("process orders", consumer.id)


def test_messages_without_a_handler_make_no_row(recorder, client):
    """I4: what get_message() returns is handled nobody knows where."""
    with client.pubsub(ignore_subscribe_messages=True) as subscriptions:
        subscriptions.subscribe("orders")
        wait_until(lambda: client.publish("orders", "1"))
        wait_until(subscriptions.get_message)
    assert not [row for row in recorder.spans if row.kind == "consumer"]
