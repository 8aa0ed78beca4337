"""One OTLP span, from whichever encoding, to a row."""

from typing import Final, NamedTuple

from hopline.model import SAMPLED, WEIGHT_ONE
from hopline.propagation.tracestate import Hop, parse_hop
from hopline_collector.formats import mapping
from hopline_collector.formats.decoded import FLAG_ERROR, WireAnnotation, WireLink, WireRow
from hopline_collector.formats.mapping import CLIENT, CONSUMER, LOCAL, PRODUCER, SERVER, BadSpanError, Process

PATH_ATTRIBUTE: Final = "hopline.span_id"
"""Set by our sampler for OpenTelemetry: the span's own path."""

_KINDS: Final = (LOCAL, LOCAL, SERVER, CLIENT, PRODUCER, CONSUMER)
_STATUS_OK: Final = 1
_STATUS_ERROR: Final = 2
_FAILED: Final = SAMPLED | FLAG_ERROR


class Span(NamedTuple):
    """What both encodings of OTLP say of a span. Times are microseconds, ids numbers, 0 = none."""

    trace_id: bytes
    id: int
    parent_id: int
    name: str
    kind: int
    start_us: int
    duration_us: int | None
    attributes: dict[str, str]
    trace_state: str
    status: int
    status_message: str
    events: list[tuple[int, str, dict[str, str]]] | None
    links: list[tuple[bytes, int]] | None
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0


class Scope:
    """What every span of one instrumentation scope shares."""

    __slots__ = ("attrs", "tags")

    def __init__(self, process: Process, name: str, version: str) -> None:
        self.tags = process.tags | ({"otel.scope.name": name} if name else {})
        self.attrs = process.attrs | ({"otel.scope.version": version} if version else {})


def wire_row(span: Span, scope: Scope) -> WireRow:
    """The row of a span. Raises :class:`BadSpanError` for ids that are none."""
    if len(span.trace_id) != 16 or not any(span.trace_id):
        raise BadSpanError("bad_trace_id", f"trace id of {len(span.trace_id)} bytes, or all zeros")
    if not span.id:
        raise BadSpanError("bad_id", "the span id is not 8 bytes, or all zeros")
    kind = _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else LOCAL
    found = span.attributes
    peer, peer_kind = mapping.peer(kind, found)
    path = found.pop(PATH_ATTRIBUTE, "")
    hop, weight = _traced(span, kind) if span.trace_state else (None, WEIGHT_ONE)
    failed = span.status == _STATUS_ERROR or (span.status != _STATUS_OK and mapping.http_failed(kind, found))
    kind_and_text = _error(span) if failed else ("", "")
    uid = mapping.user(found)
    tags, attrs = _split(found, scope)
    return WireRow(
        span.trace_id,
        path or (hop.path if hop else ""),
        span.id,
        span.parent_id,
        kind,
        span.name,
        span.start_us,
        span.duration_us,
        tags,
        0,
        _FAILED if failed else SAMPLED,
        uid,
        [hop.service, hop.instance, hop.zone, hop.operation] if hop else None,
        peer,
        peer_kind,
        weight,
        *kind_and_text,
        _annotations(span) if span.events else None,
        _with_drops(attrs, span),
        _links(span.links) if span.links else None,
        0,
    )


def _traced(span: Span, kind: int) -> tuple[Hop | None, int]:
    """The path facts that came in with the call, and the weight. Stale facts count for nothing."""
    hop = None
    at = span.trace_state.find("hop=")
    if at >= 0:
        hop = parse_hop(span.trace_state[at + 4 :].partition(",")[0].strip())
    if hop is not None:
        weight = hop.weight
        adopts = kind in (SERVER, CONSUMER) and hop.id == span.parent_id
        return (hop if adopts else None), weight
    return None, mapping.weight_of(span.trace_state)


def _split(found: dict[str, str], scope: Scope) -> tuple[dict[str, str], dict[str, str] | None]:
    """Tags and attributes of the span, then those of its scope and resource, which never win."""
    tags, attrs = mapping.split(found)
    tags = {**tags, **scope.tags} if scope.tags.keys().isdisjoint(tags) else {**scope.tags, **tags}
    if attrs is None:
        return tags, scope.attrs or None
    return tags, {**scope.attrs, **attrs}


def _error(span: Span) -> tuple[str, str]:
    """Type and text: of the last exception where the span itself does not tell."""
    kind, text = mapping.error_type(span.attributes), span.status_message
    for _, name, found in reversed(span.events or ()):
        if name == "exception":
            kind = span.attributes.get("error.type") or found.get("exception.type") or kind
            return kind, text or found.get("exception.message", "")
    return kind or mapping.error_type({}, text), text


def _annotations(span: Span) -> list[WireAnnotation]:
    return [(at, name, mapping.event_text(name, found)) for at, name, found in span.events or ()]


def _links(links: list[tuple[bytes, int]]) -> list[WireLink]:
    return [(trace_id, number, LOCAL) for trace_id, number in links]


def _with_drops(attrs: dict[str, str] | None, span: Span) -> dict[str, str] | None:
    """How much the sender itself left out."""
    if not (span.dropped_attributes or span.dropped_events or span.dropped_links):
        return attrs
    drops = {
        "otel.dropped_attributes_count": span.dropped_attributes,
        "otel.dropped_events_count": span.dropped_events,
        "otel.dropped_links_count": span.dropped_links,
    }
    return {**(attrs or {}), **{key: str(count) for key, count in drops.items() if count}}
