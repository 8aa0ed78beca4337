"""Makes two spans and ends at once: OpenTelemetry's batch processor still holds them then."""

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from hopline.otel import HoplineSpanExporter, PathSampler

provider = TracerProvider(sampler=PathSampler(), resource=Resource({"service.name": "nightly"}))
trace.set_tracer_provider(provider)
provider.add_span_processor(BatchSpanProcessor(HoplineSpanExporter()))
tracer = trace.get_tracer("nightly")
with tracer.start_as_current_span("job"), tracer.start_as_current_span("POST", kind=trace.SpanKind.CLIENT) as call:
    assert f"{call.get_span_context().span_id:016x};0.1;" in call.get_span_context().trace_state["hop"]
