"""Response headers of OpenTelemetry's servers: the trace id, and the true name of the service."""

from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider

from hopline import tracer as tracing
from hopline.hooks.http_client import SERVICE_HEADER, TRACE_HEADER
from hopline.ids import trace_hex
from hopline.otel.sampler import PathSampler


class ResponsePropagator:
    """Writes what our own middleware writes (docs/header.md), so that our clients learn their peer's name."""

    def inject(self, carrier: Any, context: Context | None = None, setter: Any = None) -> None:
        """Set both headers through ``setter``, as OpenTelemetry's server instrumentations ask."""
        span_context = trace.get_current_span(context).get_span_context()
        if span_context.is_valid and setter is not None:
            setter.set(carrier, TRACE_HEADER, trace_hex(span_context.trace_id))
            setter.set(carrier, SERVICE_HEADER, tracing.active().config.service)


def install() -> None:
    """Under ``opentelemetry-instrument`` with our sampler: answer with both headers, unless others are set."""
    provider = trace.get_tracer_provider()
    if not (isinstance(provider, TracerProvider) and isinstance(provider.sampler, PathSampler)):
        return
    from opentelemetry.instrumentation.propagators import (
        get_global_response_propagator,
        set_global_response_propagator,
    )

    if get_global_response_propagator() is None:
        set_global_response_propagator(ResponsePropagator())
