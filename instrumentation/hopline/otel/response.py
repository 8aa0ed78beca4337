"""Response headers of OpenTelemetry's servers: the trace id, and the true name of the service."""

from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context

from hopline import tracer as tracing
from hopline.hooks.server import SERVICE_HEADER, TRACE_HEADER
from hopline.ids import trace_hex
from hopline.otel.state import shared_row


class ResponsePropagator:
    """Writes what our own middleware writes (docs/header.md), so that our clients learn their peer's name."""

    def inject(self, carrier: Any, context: Context | None = None, setter: Any = None) -> None:
        """Set both headers through ``setter``, as OpenTelemetry's server instrumentations ask.

        A row of our own middleware answers by itself.
        """
        span_context = trace.get_current_span(context).get_span_context()
        if span_context.is_valid and setter is not None and shared_row(span_context) is None:
            setter.set(carrier, TRACE_HEADER, trace_hex(span_context.trace_id))
            setter.set(carrier, SERVICE_HEADER, tracing.active().config.service)
