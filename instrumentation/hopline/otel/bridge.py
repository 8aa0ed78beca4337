"""Between OpenTelemetry's context and our current span, for :mod:`hopline.otel_context`."""

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)

from hopline import tracer as tracing
from hopline.entry import Entry
from hopline.ids import FRAGMENT
from hopline.noop import UnsampledSpan
from hopline.otel.state import PathState, others, row_of
from hopline.spans import Span


def row_in(context: Context) -> Span | None:
    """Our row of the span in ``context``; of an unsampled one, a root that records nothing.

    ``None`` for no span, for one that came from another process, and for one of another
    sampler: what we trace there is a trace of its own.
    """
    found = get_current_span(context).get_span_context()
    row = row_of(found)
    if row is not None or not found.is_valid or found.is_remote or found.trace_flags.sampled:
        return row
    entry = Entry(tracing.active().process, found.trace_id, "", FRAGMENT, 0, 0)
    entry.tracestate = others(found.trace_state)
    return UnsampledSpan(entry, found.span_id)


def with_span(inner: Span, context: Context) -> Context:
    """``context`` with our current span in it, so that OpenTelemetry's next span is its child.

    Our baggage stays out: OpenTelemetry would send it to every host, trusted or not (P5).
    """
    found = get_current_span(context).get_span_context()
    if found.span_id == inner.id_int and found.trace_id == inner.entry.trace_id:
        return context
    return set_span_in_context(NonRecordingSpan(_context_of(inner)), context)


def _context_of(span: Span) -> SpanContext:
    if span.recording:
        state: TraceState = PathState(span, shared=True)
        flags = TraceFlags(TraceFlags.SAMPLED)
    else:
        state = TraceState([(key, value) for key, _, value in (m.partition("=") for m in span.entry.tracestate)])
        flags = TraceFlags(TraceFlags.DEFAULT)
    return SpanContext(span.entry.trace_id, span.id_int, is_remote=False, trace_flags=flags, trace_state=state)
