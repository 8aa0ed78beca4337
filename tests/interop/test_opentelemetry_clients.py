"""OpenTelemetry's own SDK and exporters send to us."""

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ProtobufExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

EXPORTERS = {
    "protobuf": lambda url: ProtobufExporter(endpoint=url, timeout=60),
    "protobuf-gzip": lambda url: ProtobufExporter(endpoint=url, timeout=60, compression=Compression.Gzip),
    "json": lambda url: JsonExporter(endpoint=url, timeout=60),
}


@pytest.fixture(params=EXPORTERS)
def exporter(request: pytest.FixtureRequest, receiver: Any) -> Any:
    made = EXPORTERS[request.param](f"{receiver.url}/v1/traces")
    yield made
    made.shutdown()


def tracer(exporter: Any, service: str) -> trace.Tracer:
    resource = Resource.create({"service.name": service, "service.version": "2.0"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("shop", "1.0")


def test_the_sdks_exporters_are_understood(receiver: Any, exporter: Any) -> None:
    """C4: names, kinds, attributes, events, links and status arrive whole."""
    web, users = tracer(exporter, "web"), tracer(exporter, "users")
    headers: dict[str, str] = {}
    attributes = {"server.address": "users", "server.port": 80, "user.id": "u-1", "tags": ("a", "b"), "ok": True}
    with web.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=attributes) as client:
        TraceContextTextMapPropagator().inject(headers)
        client.add_event("retry", {"n": 1})
    context = TraceContextTextMapPropagator().extract(headers)
    link = Link(client.get_span_context())
    with users.start_as_current_span("GET /", context=context, kind=SpanKind.SERVER, links=[link]) as server:
        server.record_exception(TimeoutError("no answer"))
        server.set_status(Status(StatusCode.ERROR, "down"))
    sent, served = sorted(receiver.rows(), key=lambda row: row["kind"])
    assert (sent["kind"], sent["service"], sent["version"], sent["name"]) == ("client", "web", "2.0", "GET")
    assert (sent["peer"], sent["uid"], sent["foreign"]) == ("users:80", "u-1", 1)
    assert sent["tags"]["tags"] == '["a","b"]'
    assert sent["tags"]["ok"] == "true"
    assert [(key, text) for _, key, text in sent["annotations"]] == [("retry", '{"n":1}')]
    assert sent["duration_us"] > 0
    assert (served["kind"], served["parent_id"], served["trace_id"]) == ("server", sent["id"], sent["trace_id"])
    assert served["links"] == [(sent["trace_id"], sent["id"], "local")]
    assert (served["error"], served["error_type"], served["error_text"]) == (1, "TimeoutError", "down")
    assert served["annotations"][0][1] == "exception"
    assert served["annotations"][0][2].startswith("TimeoutError: no answer")


def test_our_path_reaches_an_otel_service(receiver: Any, exporter: Any) -> None:
    """M10: a service traced by OpenTelemetry takes the path that a row of ours handed out."""
    headers = {
        "traceparent": "00-6921c0de0123456789abcdef01234567-a3ce929d0e0e4736-01",
        "tracestate": "hop=a3ce929d0e0e4736;0.1;;gateway;z1;h0:1;GET%20/,congo=t61",
    }
    context = TraceContextTextMapPropagator().extract(headers)
    users = tracer(exporter, "users")
    with (
        users.start_as_current_span("GET /", context=context, kind=SpanKind.SERVER),
        users.start_as_current_span("inner"),
    ):
        pass
    inner, served = receiver.rows()
    assert (served["span_id"], served["caller_service"], served["caller_name"]) == ("0.1", "gateway", "GET /")
    assert (inner["span_id"], inner["caller_service"], inner["parent_id"]) == ("", "", served["id"])


def test_an_exporter_knows_that_all_was_taken(receiver: Any, exporter: Any) -> None:
    """C4: the answer is one that the client reads as success."""
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("t").start_span("x")
    span.end()
    assert exporter.export([span]) is SpanExportResult.SUCCESS
    assert len(receiver.rows()) == 1
