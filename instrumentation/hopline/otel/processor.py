"""Tells each row its id, which the sampler could not know, and what came in as baggage."""

from collections.abc import Callable
from urllib.parse import quote
from weakref import ref

from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from hopline.otel.stand_in import ended, stand_in
from hopline.otel.state import row_of, shared_row
from hopline.propagation.baggage import Baggage


class PathProcessor(SpanProcessor):
    """Completes the rows of :class:`hopline.otel.PathSampler` when their spans start."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Set the id; an entry row also takes the baggage, and names this work to its callees."""
        context = span.get_span_context()
        ours = shared_row(context)
        if ours is not None:
            stand_in(span, ours)
            return
        row = row_of(context)
        if row is None or row.parent is not None:
            return
        entry = row.entry
        found = baggage.get_all(parent_context)
        if found and entry.baggage is None:
            header = ",".join(f"{key}={quote(str(value))}" for key, value in found.items())
            counts, limit = entry.process.counts, entry.process.config.baggage_bytes
            received = Baggage.parse([header], entry.remote_id, limit, counts.add)
            if received is not None:
                entry.receive(received)
        entry.operation = _present_name(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Tell our own row what became of the span that stands for it; the others are the exporter's."""
        ours = shared_row(span.get_span_context())
        if ours is not None:
            ended(span, ours)


def _present_name(span: Span) -> Callable[[], str]:
    """A framework may learn the route, and so the name, after the span's start."""
    found, first = ref(span), span.name

    def name() -> str:
        alive = found()
        return alive.name if alive is not None else first

    return name
