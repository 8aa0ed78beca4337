"""Our path sampler with OpenTelemetry's own exporter: the paths arrive all the same."""

from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from hopline.otel import PathProcessor, PathSampler
from hopline.testing import Recorder

W3C = TraceContextTextMapPropagator()


def tracer(receiver: Any, service: str) -> Tracer:
    sampler = PathSampler(ParentBased(TraceIdRatioBased(1.0)))
    provider = TracerProvider(sampler=sampler, resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(PathProcessor())
    exporter = OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces", timeout=60)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("shop")


def test_paths_over_otlp(receiver: Any) -> None:
    """I11, M10: web (0) calls users (0.1), which has a span of its own: over OTLP the ids are as over our wire."""
    with Recorder():
        web, users = tracer(receiver, "web"), tracer(receiver, "users")
        sent: dict[str, str] = {}
        with web.start_as_current_span("GET /"), web.start_as_current_span("GET", kind=SpanKind.CLIENT):
            W3C.inject(sent)
        with users.start_as_current_span("GET /users", context=W3C.extract(sent), kind=SpanKind.SERVER):
            users.start_span("load").end()
    rows = receiver.rows()
    assert {(row["service"], row["name"], row["span_id"]) for row in rows} == {
        ("web", "GET /", "0"), ("web", "GET", "0.1"), ("users", "GET /users", "0.1"), ("users", "load", "0.1.1"),
    }  # fmt: skip
    assert {row["weight"] for row in rows} == {1000}
    assert all("hopline.span_id" not in row["tags"] for row in rows)
