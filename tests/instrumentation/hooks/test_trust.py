"""Whom each hook trusts: with our baggage, and with the word on a sampling rate."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import django
import grpc
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from celery import Celery, signals
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory
from kafka import KafkaProducer
from kafka.future import Future
from kombu import Connection

import hopline
from hopline.hooks import aiohttp_server
from hopline.hooks.celery import broker_host
from hopline.hooks.grpc.server import ServerInterceptor, sender
from hopline.middleware.django import TraceMiddleware as DjangoMiddleware
from hopline.middleware.wsgi import TraceMiddleware
from hopline.testing import Recorder

PARENT = "00-6921c0de0123456789abcdef01234567-00f067aa0ba902b7-01"
STATE = "hop=00f067aa0ba902b7;0.3;5000"


def by_wsgi(address):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_TRACEPARENT": PARENT, "HTTP_TRACESTATE": STATE}
    TraceMiddleware(lambda _, start: start("200 OK", []) or [])(environ | {"REMOTE_ADDR": address}, lambda *_: None)


def by_django(address):
    if not settings.configured:
        settings.configure()
        django.setup()
    headers = {"traceparent": PARENT, "tracestate": STATE}
    DjangoMiddleware(lambda _: HttpResponse())(RequestFactory(REMOTE_ADDR=address).get("/", headers=headers))


def by_aiohttp(address):
    async def answer(_request):
        return web.Response()

    async def main():
        request = make_mocked_request("GET", "/", {"traceparent": PARENT, "tracestate": STATE})
        await aiohttp_server.middleware(request.clone(remote=address), answer)

    asyncio.run(main())


@pytest.mark.parametrize("serve", [by_wsgi, by_django, by_aiohttp])
@pytest.mark.parametrize(("address", "weight", "mark"), [("10.1.2.3", 5_000, None), ("8.8.8.8", 1_000, "unknown")])
def test_weight_counts_only_from_trusted_addresses(recorder, serve, address, weight, mark):
    """P5: the weight in hop counts only from trusted peers, whatever framework serves."""
    serve(address)
    row = recorder.one(kind="server")
    assert (row.span_id, row.weight, row.tags.get("hopline.rate")) == ("0.3", weight, mark)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.1.2.3:4567", "10.1.2.3:4567"),
        ("ipv6:%5B::1%5D:4567", "[::1]:4567"),
        ("unix:/run/shop.sock", None),
    ],
)
def test_grpc_names_its_sender(peer, address):
    """P5: what gRPC calls a peer is read as an address."""
    assert sender(peer) == address


@pytest.mark.parametrize(("trusted", "weight"), [(("loopback",), 5_000), ((".internal",), 1_000)])
def test_grpc_weight(trusted, weight):
    """P5: the same for gRPC."""
    get = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
    handlers = [grpc.method_handlers_generic_handler("shop.Stock", {"Get": get})]
    with Recorder(trusted_hosts=trusted) as recorder:
        server = grpc.server(ThreadPoolExecutor(1), handlers, [ServerInterceptor()])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            metadata = (("traceparent", PARENT), ("tracestate", STATE))
            channel.unary_unary("/shop.Stock/Get")(b"", metadata=metadata, timeout=60)
        server.stop(None).wait()
        assert recorder.one(kind="server").weight == weight


@pytest.mark.parametrize(
    ("urls", "host"),
    [
        (None, "localhost"),
        ("amqp://user:secret@mq.internal:5672//", "mq.internal"),
        ("amqp://mq.internal;amqp://mq.example.com", "mq.example.com"),
        (["redis://10.1.2.3/0", "redis://10.1.2.4/0"], "10.1.2.3"),
        ("sqs://", ""),
        ("memory://", None),
        ("filesystem://", None),
    ],
)
def test_host_of_a_celery_broker(recorder, urls, host):
    """P5: the broker that is trusted least decides; one inside this machine is trusted."""
    app = Celery("shop", broker=urls, set_as_current=False)
    assert broker_host(app) == host


@pytest.mark.parametrize(("trusted", "expected"), [(("localhost",), "uid=u-1"), ((".internal",), None)])
def test_baggage_goes_to_trusted_celery_brokers(install, trusted, expected):
    """P5: baggage leaves to a trusted broker only, the trace to all."""
    install("celery")
    sent = {}

    def note(headers=None, **_):
        sent.update(headers)

    signals.after_task_publish.connect(note)
    with Recorder(trusted_hosts=trusted), hopline.span("work") as span, Connection("memory://") as connection:
        hopline.put("uid", "u-1")
        app = Celery("shop", broker="amqp://localhost", set_as_current=False)
        app.send_task("pay", connection=connection)
    signals.after_task_publish.disconnect(note)
    assert sent.get("baggage") == expected
    assert span.trace_id in sent["traceparent"]


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ("kafka.internal:9092", b"uid=u-1"),
        (["10.1.2.3:9092", "10.1.2.4:9092"], b"uid=u-1"),
        ("10.1.2.3:9092,kafka.example.com:9092", None),
    ],
)
def test_baggage_goes_to_trusted_kafka_brokers(monkeypatch, install, recorder, servers, expected):
    """P5: the same for Kafka: every broker that the producer was told of must be trusted."""
    sent = {}
    monkeypatch.setattr(KafkaProducer, "send", lambda *_, headers: sent.update(headers) or Future())
    install("kafka_python")
    producer = KafkaProducer.__new__(KafkaProducer)
    producer.config, producer._closed = {"bootstrap_servers": servers}, True
    with hopline.span("work") as span:
        hopline.put("uid", "u-1")
        producer.send("orders", b"1")
    assert sent.get("baggage") == expected
    assert span.trace_id.encode() in sent["traceparent"]


def test_a_kafka_message_sent_on_carries_one_context(monkeypatch, install, recorder):
    """P2, I4: sending a message on with the headers it came with replaces its context and keeps the others."""
    sent = []
    monkeypatch.setattr(KafkaProducer, "send", lambda *_, headers: sent.extend(headers) or Future())
    install("kafka_python")
    producer = KafkaProducer.__new__(KafkaProducer)
    producer.config, producer._closed = {"bootstrap_servers": "10.1.2.3:9092"}, True
    with hopline.span("work") as span:
        producer.send("orders", b"1", headers=[("traceparent", PARENT.encode()), ("b3", b"0"), ("kind", b"x")])
    assert [name for name, _ in sent] == ["kind", "traceparent", "tracestate"]
    assert span.trace_id.encode() in dict(sent)["traceparent"]


def test_a_grpc_call_carries_one_context(install, recorder):
    """P2, I4: metadata that is passed on from elsewhere does not hide our context."""
    install("grpc")
    seen = []

    def get(request, context):
        seen.extend(context.invocation_metadata())
        return request

    handlers = {"Get": grpc.unary_unary_rpc_method_handler(get)}
    server = grpc.server(ThreadPoolExecutor(1), [grpc.method_handlers_generic_handler("shop.Stock", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, hopline.span("work") as span:
        metadata = (("traceparent", PARENT), ("kind", "x"))
        channel.unary_unary("/shop.Stock/Get")(b"", metadata=metadata, timeout=60)
    server.stop(None).wait()
    assert [value for name, value in seen if name == "kind"] == ["x"]
    (parent,) = [value for name, value in seen if name == "traceparent"]
    assert span.trace_id in parent
    assert recorder.one(kind="server").span_id == "0.1"
