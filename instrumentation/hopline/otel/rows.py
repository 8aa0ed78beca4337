"""The row of an OpenTelemetry span: begun by the sampler, filled in when the span has ended."""

from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from hopline import semconv
from hopline.entry import Entry
from hopline.ids import FRAGMENT, span_hex, trace_hex, within_limits
from hopline.otel import gen_ai
from hopline.otel.process import admit
from hopline.otel.state import hop_of, others, row_of
from hopline.propagation import tracestate
from hopline.propagation.outbound import is_trusted
from hopline.propagation.tracestate import Hop
from hopline.spans import MAX_ANNOTATIONS, MAX_LINKS, MAX_TAGS, Span, next_number
from hopline.tracer import Tracer
from hopline.vocabulary import DEBUG, ENTRY_KINDS, SAMPLED, WEIGHT_ONE

PATH_ATTRIBUTE: Final = "hopline.span_id"
"""The path as an attribute, for exporters other than ours."""

PARENT_ATTR: Final = "otel.parent_id"
"""The OpenTelemetry parent of a row that became its sibling: a call inside a call (M4)."""

RATE_TAG: Final = "hopline.rate"

KINDS: Final = {
    SpanKind.INTERNAL: "local",
    SpanKind.CLIENT: "client",
    SpanKind.SERVER: "server",
    SpanKind.PRODUCER: "producer",
    SpanKind.CONSUMER: "consumer",
}

_SENDER: Final = ("network.peer.address", "net.sock.peer.addr", "net.peer.ip", "client.address")

_SCAN_ONLY: Final = frozenset(
    {"user_agent.original", "network.peer.port", "net.peer.port", "client.port", "thread.id", "code.line.number"}
)
"""High-entropy attributes beside those of the settings."""


def root(tracer: Tracer, trace_id: int, name: str, kind: str, weight: int) -> Span:
    """Row of a span without a parent: path ``0``."""
    admit(tracer)
    return Span(Entry(tracer.process, trace_id, name, "0", 0, SAMPLED, weight), None, 0, 0, name, kind, {})


def below(parent: SpanContext, tracer: Tracer, name: str, kind: str, found: Mapping[str, object]) -> Span:
    """Row of a span caused by ``parent``: numbered by it, adopted from it, or the start of a fragment (M10).

    ``found`` are the span's first attributes, which may tell where a request came from.
    """
    above = row_of(parent)
    if above is None:
        return _entered(parent, tracer, name, kind, _sender(found))
    row = above.numbering()
    number = next_number(row) if row is not None else 0
    if row is None or not number:
        return _fragment(above, name, kind)
    span = Span(row.entry, row, number, 0, name, kind, {})
    if row is not above:
        span.attr(PARENT_ATTR, above.id)
    return span


def _sender(found: Mapping[str, object]) -> str:
    """The address of the connection's other end, as far as the instrumentation notes it."""
    return next((str(value) for name in _SENDER if (value := found.get(name))), "")


def _entered(parent: SpanContext, tracer: Tracer, name: str, kind: str, sender: str) -> Span:
    """First row of this process: a server or consumer row takes the path that came in, others have none."""
    admit(tracer)
    entry = Entry(tracer.process, parent.trace_id, name, FRAGMENT, parent.span_id)
    entry.tracestate = others(parent.trace_state)
    span = Span(entry, None, 0, 0, name, kind, {})
    hop = hop_of(parent)
    plain = hop is not None and hop.weight == WEIGHT_ONE and not hop.debug
    if hop is None or not (plain or not sender or is_trusted(sender, tracer.config.trusted_hosts)):
        weigh_foreign(span)
    else:
        entry.weight = hop.weight
        entry.flags |= DEBUG if hop.debug else 0
    if hop is None:
        return span
    if kind in ENTRY_KINDS and within_limits(hop.path):
        entry.path = hop.path
        entry.caller = caller(hop)
    return span


def weigh_foreign(span: Span) -> None:
    """A stranger's sample: weighed as its tracestate says, else marked, for figures count it once (P5)."""
    weight = tracestate.otel_weight(span.entry.tracestate)
    if weight is None:
        span.tag(RATE_TAG, "unknown")
    else:
        span.entry.weight = weight


def _fragment(above: Span, name: str, kind: str) -> Span:
    """Row under a call without a row above it, or at the limit of depth: the start of a fragment."""
    old = above.entry
    old.process.counts.add("fragments")
    entry = Entry(old.process, old.trace_id, name, FRAGMENT, above.id_int, old.flags, old.weight)
    entry.baggage, entry.uid, entry.tracestate = old.baggage, old.uid, old.tracestate
    return Span(entry, None, 0, 0, name, kind, {})


def caller(hop: Hop) -> tuple[str, str, str, str]:
    """The calling row's service, instance, zone and operation."""
    return hop.service, hop.instance, hop.zone, hop.operation


def finished(span: ReadableSpan, tracer: Tracer) -> Span:
    """The whole row of an ended span, sampled by us or by any other sampler."""
    context = span.get_span_context()
    assert context is not None
    row = row_of(context) or _foreign(span, context, tracer)
    _fill(row, span)
    return row


def _foreign(span: ReadableSpan, context: SpanContext, tracer: Tracer) -> Span:
    """Row without a path of its own, unless it is an entry whose caller sent one; else the reader derives it."""
    kind = KINDS[span.kind]
    hop = hop_of(span.parent) if span.parent is not None and kind in ENTRY_KINDS else None
    parent_id = span.parent.span_id if span.parent is not None else 0
    path = hop.path if hop is not None and within_limits(hop.path) else ""
    entry = Entry(tracer.process, context.trace_id, span.name, path, parent_id)
    if hop is not None:
        entry.caller, entry.weight = caller(hop), hop.weight
    return Span(entry, None, 0, context.span_id, span.name, kind, {})


def _fill(row: Span, span: ReadableSpan) -> None:
    epoch = row.entry.epoch_ns
    row.name = span.name
    row.start_ns = (span.start_time or 0) - epoch
    found = {key: semconv.text_of(value) for key, value in (span.attributes or {}).items()}
    found.pop(PATH_ATTRIBUTE, None)
    answered_as = (span.attributes or {}).get(semconv.ANSWERED_AS)
    if isinstance(answered_as, Sequence):  # a header's values; ours comes last where others passed theirs on
        found[semconv.ANSWERED_AS] = str(answered_as[-1])
    peer, peer_kind = semconv.peer(row.kind, found)
    found.pop(semconv.ANSWERED_AS, None)
    content = row.entry.process.config.gen_ai_content
    if gen_ai.is_call(found):
        if row.kind == "client" and not peer:
            peer, peer_kind = gen_ai.provider(found), "external"
        found = gen_ai.fields(found, content=content)
    if peer:
        row.peer, row.peer_kind = peer, peer_kind
    uid = semconv.first(found, semconv.USER)
    if uid:
        row.set_uid(uid)
    retry = semconv.attempt(found)
    if retry:
        row.set_attempt(retry)
    if span.events:
        _annotate(row, span, content=content)
    for link in span.links[:MAX_LINKS]:
        row.link(trace_hex(link.context.trace_id), span_hex(link.context.span_id), _kind_of_link(row))
    _judge(row, span, found)
    for key in _SCAN_ONLY.intersection(found):
        row.attr(key, found.pop(key))
    if span.instrumentation_scope is not None:
        found.setdefault("otel.scope.name", span.instrumentation_scope.name)
    _tag(row, span, found)
    row.end_ns = (span.end_time or 0) - epoch or 1


def _tag(row: Span, span: ReadableSpan, found: dict[str, str]) -> None:
    lost = span.dropped_attributes + span.dropped_events + span.dropped_links
    if len(found) > MAX_TAGS:
        lost += len(found) - MAX_TAGS
        found = dict(list(found.items())[:MAX_TAGS])
    row.tags.update(found)
    if lost:
        row.detail.overflow += lost


def _annotate(row: Span, span: ReadableSpan, *, content: bool) -> None:
    detail = row.detail
    events = [event for event in span.events if content or not gen_ai.is_content_event(event.name)]
    for event in events[:MAX_ANNOTATIONS]:
        found = {key: semconv.text_of(value) for key, value in (event.attributes or {}).items()}
        detail.annotations.append((event.timestamp // 1000, event.name, semconv.event_text(event.name, found)))
    detail.overflow += max(0, len(events) - MAX_ANNOTATIONS)


def _judge(row: Span, span: ReadableSpan, found: dict[str, str]) -> None:
    """Status, or where none was set, the rule for HTTP; the last exception says what it was."""
    status = span.status.status_code
    if status is not StatusCode.ERROR and (status is StatusCode.OK or not semconv.http_failed(row.kind, found)):
        return
    kind, text = semconv.error_type(found), span.status.description or ""
    for event in reversed(span.events):
        if event.name == "exception" and event.attributes:
            kind = found.get("error.type") or str(event.attributes.get("exception.type", kind))
            text = text or str(event.attributes.get("exception.message", ""))
            break
    row.fail(kind, text)


def _kind_of_link(row: Span) -> str:
    """OpenTelemetry does not say what the linked span is; a consumer's links lead to producers."""
    return "producer" if row.kind == "consumer" else "local"
