"""The exporter: OpenTelemetry's spans through our own buffer, sender and wire."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from hopline import semconv
from hopline import tracer as tracing
from hopline.otel.process import admit, tracer_for
from hopline.otel.rows import finished
from hopline.otel.state import row_of, shared_row
from hopline.tracer import Tracer


class HoplineSpanExporter(SpanExporter):
    """Ships to ``HOPLINE_ENDPOINT``, Kafka or HTTP. ``export`` only appends to a buffer, so it never waits.

    ``tracer`` is the process to ship for, by default the one that ``hopline.configure`` made,
    else one with the facts of the spans' resource.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take the spans over; what becomes of them is told by ``hopline.counters()``."""
        if not spans:
            return SpanExportResult.SUCCESS
        tracer = self._tracer or tracer_for(spans[0].resource)
        try:
            admit(tracer)
        except RuntimeError:  # no thread can be started once the interpreter ends
            tracer.counts.add("exporter_errors", len(spans))
            return SpanExportResult.FAILURE
        for span in spans:
            try:
                if shared_row(span.get_span_context()) is not None or _is_own_message(span, tracer):
                    continue
                if not tracer.enabled and row_of(span.get_span_context()) is None:
                    continue  # begun after hopline.disable()
                row = finished(span, tracer)
            except Exception:
                tracer.counts.add("exporter_errors")
            else:
                tracer.process.append(row)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Send the rest within ``HOPLINE_EXIT_TIMEOUT_S``."""
        self.force_flush(int((self._tracer or tracing.active()).config.exit_timeout_s * 1000))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what was exported; whether all of it was taken in time."""
        return (self._tracer or tracing.active()).reporter.flush(timeout_millis / 1000)


def _is_own_message(span: ReadableSpan, tracer: Tracer) -> bool:
    """Whether the span is about our own sending to Kafka, which would never come to an end."""
    found = span.attributes or {}
    if "messaging.system" not in found:
        return False
    return tracer.config.topic in {str(found.get(name, "")) for name in semconv.TOPIC}
