"""Every function of every hook made to fail, one by one: what the application does goes through."""

import asyncio
import contextlib
import importlib
import inspect
import logging
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from types import FunctionType, SimpleNamespace
from typing import Any

import aiohttp
import django
import flask
import grpc
import httpx
import pytest
import redis
import requests
from aiohttp import web
from aiohttp.test_utils import TestServer
from apscheduler.schedulers.background import BackgroundScheduler
from celery import Celery
from celery.app.trace import build_tracer
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory
from django.test.utils import override_settings
from kafka import KafkaConsumer, KafkaProducer
from kafka.future import Future
from redis.cluster import RedisCluster
from sqlalchemy import create_engine, text
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import hopline
from hopline.hooks.threads import for_process_pool
from support.contract import clients, consumers
from support.waiting import wait_until

CARRIERS = {
    "hooks.httpx_common._SyncBody.close",
    "hooks.django_db._wrapped",
    "hooks.sqlite3.TracedConnection.cursor",
    "hooks.sqlite3.TracedConnection.execute",
    "hooks.sqlite3.TracedConnection.executemany",
    "hooks.sqlite3.TracedConnection.executescript",
    "hooks.database.waiting",
    "hooks.database.waiting_async",
    "hooks.grpc.client.ClientInterceptor.intercept_unary_unary",
    "hooks.grpc.client.ClientInterceptor.intercept_unary_stream",
    "hooks.grpc.server.ServerInterceptor.intercept_service",
    "hooks.redis_cluster.patch",
    "hooks.redis_pubsub.patch",
    "hooks.redis._Call._begin",
    "hooks.redis._Call.next_attempt",
    "hooks.logging.add_fields",
    "hooks.threads.for_process_pool",
    "hooks.threads._in_worker",
    "hooks.server.ServerCall.begin",
    "hooks.server.ServerCall.end",
    "hooks.server.HttpCall.answered",
    "middleware.aiohttp.trace_application",
    "middleware.wsgi._Call.serve",
    "middleware.wsgi._Call._start",
    "middleware.wsgi._Call.cut",
    "middleware.wsgi.Body.close",
    "middleware.asgi._Call.send",
    "middleware.asgi._Call.answer",
    "middleware.django._Call.answer",
    "middleware.django._Call.cut",
    "middleware.django._Call.judge_cancelling",
}
"""What stands between library and application: it calls hopline.hooks.guard, or nothing that could fail."""


def by_httpx(backend: Any) -> None:
    assert httpx.get(f"{backend.url}/ok", timeout=60).status_code == 200

    async def get() -> int:
        async with httpx.AsyncClient(timeout=60) as client:
            return (await client.get(f"{backend.url}/ok")).status_code

    assert asyncio.run(get()) == 200


def by_urllib3(backend: Any) -> None:
    assert requests.get(f"{backend.url}/stream", timeout=60).text == "onetwo"


def by_urllib(backend: Any) -> None:
    with urllib.request.urlopen(f"{backend.url}/ok", timeout=60) as answer:
        assert answer.read()


def by_aiohttp(backend: Any) -> None:
    async def get() -> bytes:
        async with aiohttp.ClientSession() as session, session.get(f"{backend.url}/ok") as answer:
            return await answer.read()

    assert asyncio.run(get())


def aiohttp_server(_: Any) -> None:
    async def main() -> str:
        async def answer(_request: web.Request) -> web.Response:
            return web.Response(text="fine")

        app = web.Application()
        app.router.add_get("/", answer)
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            return await (await session.get(server.make_url("/"))).text()

    assert asyncio.run(main()) == "fine"


def grpc_both_sides(_: Any) -> None:
    handlers = {
        "One": grpc.unary_unary_rpc_method_handler(lambda request, _: request.upper()),
        "Many": grpc.unary_stream_rpc_method_handler(lambda request, _: iter([request, request])),
    }
    handler = grpc.method_handlers_generic_handler("shop.Stock", handlers)
    server = grpc.server(ThreadPoolExecutor(1), [handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert channel.unary_unary("/shop.Stock/One")(b"item", timeout=60) == b"ITEM"
        assert list(channel.unary_stream("/shop.Stock/Many")(b"item", timeout=60)) == [b"item"] * 2

    async def main() -> bytes:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            return await channel.unary_unary("/shop.Stock/One")(b"item", timeout=60)

    assert asyncio.run(main()) == b"ITEM"
    server.stop(None).wait()


def kafka(_: Any) -> None:
    """With the library's own producer and consumer, whose network is not wanted here."""
    producer = KafkaProducer.__new__(KafkaProducer)
    producer.config = {"bootstrap_servers": "127.0.0.1:9092"}
    producer._closed = True
    assert producer.send("orders", b"1") is SENT
    consumer = KafkaConsumer.__new__(KafkaConsumer)
    consumer._closed = True
    assert [record.value for records in consumer.poll().values() for record in records] == [b"1", b"2"]
    for records in consumer.poll().values():
        for _record in records:
            break
    consumer.close()


SENT = Future()
RECORDS = [SimpleNamespace(topic="orders", headers=[], partition=0, offset=n, value=b"%d" % n) for n in (1, 2)]


def sqlalchemy(_: Any) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 7")).scalar() == 7
        with pytest.raises(Exception, match="no such table"):
            connection.execute(text("SELECT * FROM nowhere"))
    with pytest.raises(Exception, match="unable to open"):
        create_engine("sqlite:////nowhere/at/all.db").connect()
    engine.dispose()


def by_redis(env: Any) -> None:
    with redis.Redis(port=env.redis_port) as client:
        client.set("a", "1")
        with client.pipeline() as pipeline:
            assert pipeline.get("a").get("b").execute() == [b"1", None]


def by_redis_cluster(env: Any) -> None:
    with contextlib.closing(RedisCluster("127.0.0.1", env.redis_cluster[0])) as client:
        client.set("a", "1")
        with pytest.raises(redis.ResponseError):
            client.lpush("a", "1")
        with client.pipeline() as pipeline:
            assert pipeline.get("a").get("nothing").execute() == [b"1", None]


def redis_subscription(env: Any) -> None:
    handled = []
    with redis.Redis(port=env.redis_port) as client, client.pubsub() as subscriptions:
        subscriptions.subscribe("plain", handled=handled.append)
        for channel in ("handled", "plain"):
            client.publish(channel, "1")
        for message in subscriptions.listen():
            if message["type"] == "message":
                break
    assert [message["data"] for message in handled] == [b"1"]


def celery(_: Any) -> None:
    app = Celery("broken", broker="memory://", backend="cache+memory://", set_as_current=False)

    @app.task(name="pay", shared=False)
    def pay(number: int) -> int:
        return number

    assert pay.delay(7).id
    request = {"id": "1", "delivery_info": {"routing_key": "celery"}, "retries": 1}
    assert build_tracer("pay", pay, app=app)("1", (7,), {}, request)[0] == 7


def wsgi(_: Any) -> None:
    app = flask.Flask("broken")
    app.get("/<int:number>", endpoint="number")(lambda number: f"number {number}")
    app.get("/stream", endpoint="stream")(lambda: flask.Response(iter(["one", "two"])))
    app.get("/fail", endpoint="fail")(lambda: {}["nothing"])
    client = app.test_client()
    assert client.get("/7").text == "number 7"
    assert client.get("/stream").text == "onetwo"
    assert client.get("/fail").status_code == 500


def by_django(_: Any) -> None:
    from hopline.middleware.django import TraceMiddleware

    if not settings.configured:
        settings.configure()
        django.setup()
    with override_settings(ALLOWED_HOSTS=["*"]):
        middleware = TraceMiddleware(lambda _: HttpResponse("fine"))
        assert middleware(RequestFactory().get("/")).content == b"fine"


def starlette(_: Any) -> None:
    done = []

    async def answer(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("fine", background=BackgroundTask(done.append, 1))

    app = Starlette(routes=[Route("/{number}", answer)])

    async def main() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return (await client.get("/7")).text

    assert asyncio.run(main()) == "fine"
    assert done == [1]


def log(_: Any) -> None:
    records: list[logging.LogRecord] = []
    logger = logging.getLogger("broken")
    logger.propagate = False
    logger.handlers = [SimpleNamespace(level=0, handle=records.append)]  # type: ignore[list-item]
    try:
        1 // 0  # noqa: B018
    except ZeroDivisionError:
        logger.exception("gone")
    assert [(record.msg, hasattr(record, "trace_id")) for record in records] == [("gone", True)]


def process_pool(_: Any) -> None:
    with hopline.span("work"):
        assert for_process_pool(len)("four") == 4


def calling(name: str) -> Callable[[Any], None]:
    """What the contract does with a calling library: a call that succeeds and one that fails."""
    [subject] = [one for one in clients.SUBJECTS if one.name == name]

    def act(env: Any) -> None:
        calls = subject.use(env.fixture)
        calls.good()
        with pytest.raises(calls.error):
            calls.bad()
        calls.close()

    return act


def exchanging(name: str) -> Callable[[Any], None]:
    """What the contract does with a broker's library: a message is sent and handled."""
    [subject] = [one for one in consumers.SUBJECTS if one.name == name]

    def act(env: Any) -> None:
        exchange = subject.use(env.fixture)
        done: list[int] = []
        exchange.send()
        exchange.process(lambda: done.append(1))
        exchange.close()
        assert done == [1]

    return act


def scheduled(_: Any) -> None:
    done = []
    scheduler = BackgroundScheduler()
    scheduler.add_job(done.append, args=[1])
    scheduler.start()
    wait_until(lambda: done and not scheduler.get_jobs(), what="the job")
    scheduler.shutdown()


SCENARIOS: dict[str, tuple[Callable[[Any], None], tuple[str, ...]]] = {
    "hooks.httpx_common": (by_httpx, ("httpx",)),
    "hooks.urllib3": (by_urllib3, ("urllib3",)),
    "hooks.urllib": (by_urllib, ("urllib",)),
    "hooks.aiohttp": (by_aiohttp, ("aiohttp",)),
    "hooks.http_client": (by_urllib3, ("urllib3",)),
    "hooks.outgoing": (by_httpx, ("httpx",)),
    "middleware.aiohttp": (aiohttp_server, ("aiohttp_server",)),
    "hooks.grpc.client": (grpc_both_sides, ("grpc",)),
    "hooks.grpc.server": (grpc_both_sides, ("grpc",)),
    "hooks.grpc.names": (grpc_both_sides, ("grpc",)),
    "hooks.kafka_python": (kafka, ("kafka_python",)),
    "hooks.sqlalchemy": (sqlalchemy, ("sqlalchemy",)),
    "hooks.database": (sqlalchemy, ("sqlalchemy",)),
    "hooks.psycopg": (calling("psycopg"), ("psycopg",)),
    "hooks.asyncpg": (calling("asyncpg"), ("asyncpg",)),
    "hooks.pymysql": (calling("pymysql"), ("pymysql",)),
    "hooks.sqlite3": (calling("sqlite3"), ("sqlite3",)),
    "hooks.django_db": (calling("django (database)"), ("django_db",)),
    "hooks.messaging": (exchanging("aio-pika (iterator)"), ("aio_pika",)),
    "hooks.aio_pika": (exchanging("aio-pika (callback)"), ("aio_pika",)),
    "hooks.rq": (exchanging("rq"), ("rq",)),
    "hooks.dramatiq": (exchanging("dramatiq"), ("dramatiq",)),
    "hooks.arq": (exchanging("arq"), ("arq",)),
    "hooks.apscheduler": (scheduled, ("apscheduler",)),
    "hooks.redis": (by_redis, ("redis",)),
    "hooks.redis_cluster": (by_redis_cluster, ("redis",)),
    "hooks.redis_pubsub": (redis_subscription, ("redis",)),
    "hooks.celery": (celery, ("celery",)),
    "middleware.wsgi": (wsgi, ("flask",)),
    "middleware.django": (by_django, ()),
    "middleware.asgi": (starlette, ("starlette",)),
    "hooks.starlette": (starlette, ("starlette",)),
    "hooks.background": (starlette, ("starlette",)),
    "hooks.server": (wsgi, ("flask",)),
    "hooks.logging": (log, ("logging",)),
    "hooks.threads": (process_pool, ()),
}
"""Module of a hook -> what an application does with it, and the hooks that this needs."""


WITHOUT_SPANS = ("hooks.database", "hooks.messaging", "hooks.rq", "hooks.dramatiq", "hooks.arq", "hooks.aio_pika")
"""Scenarios of others stand for these where a span breaks, and the contract suite does."""


def own_functions(module: Any, owner: Any = None, prefix: str = "") -> Iterator[str]:
    """Names in ``module`` of the functions and methods made there that are called while the application works."""
    for name, value in list(vars(owner or module).items()):
        if issubclass(type(value), type) and value.__module__ == module.__name__:
            yield from own_functions(module, value, f"{prefix}{name}.")
        elif type(value) is FunctionType and value.__module__ == module.__name__:
            wrapper = next(iter(inspect.signature(value).parameters), "") in {"original", "ours"}
            guarded = hasattr(value, "__wrapped__") or inspect.iscoroutinefunction(value)
            if not (wrapper or guarded or name in {"install", "uninstall"} or name.startswith("__")):
                yield prefix + name


def places() -> list[tuple[str, str]]:
    return [
        (scenario, f"hopline.{scenario}.{name}")
        for scenario in SCENARIOS
        for name in own_functions(importlib.import_module(f"hopline.{scenario}"))
        if f"{scenario}.{name}" not in CARRIERS
    ] + [
        (scenario, f"hopline.spans.Span.{name}")
        for scenario in SCENARIOS
        if scenario not in {"hooks.starlette", "hooks.background", *WITHOUT_SPANS}
        for name in ("begin", "finish", "tag", "attr", "fail", "set_attempt", "record_exception")
    ]


@pytest.mark.parametrize(("scenario", "place"), places())
def test_the_application_never_sees_it(monkeypatch, install, request, scenario, place):
    """I10: whichever function of a hook breaks, the application gets its answer, and a counter rises."""
    # monkeypatch comes before install, so that the hook lets go of what is patched here before that is undone.
    # What breaks does so before the hook is installed, which may keep the function itself.
    act, hooks = SCENARIOS[scenario]
    recorder = request.getfixturevalue("recorder")
    monkeypatch.setattr(KafkaProducer, "send", lambda *_, **__: SENT)
    monkeypatch.setattr(KafkaConsumer, "poll", lambda *_, **__: {"orders": RECORDS})
    monkeypatch.setattr(KafkaConsumer, "close", lambda *_, **__: None)
    env = request.getfixturevalue("backend") if "url" in inspect.getsource(act) else SimpleNamespace()
    env.fixture = request.getfixturevalue
    for fixture in ("redis_port", "redis_cluster"):
        if f"env.{fixture}" in inspect.getsource(act):
            setattr(env, fixture, request.getfixturevalue(fixture))
    hit = []

    def broken(*_: Any, **__: Any) -> Any:
        hit.append(place)
        raise RuntimeError("a bug of ours")

    with monkeypatch.context() as patch:
        patch.setattr(place, broken)
        if hooks:
            install(*hooks)
        copy_context().run(act, env)  # what breaks at its end may leave its span current
    if hooks:
        hopline.uninstall(*hooks)
    events = recorder.counters()["events"]
    if hit:
        assert events.get("hook_errors", 0) + events.get("client_errors", 0) > 0
    if hooks:
        install(*hooks)
    copy_context().run(act, env)
