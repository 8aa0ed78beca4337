"""One OTLP span, from whichever encoding, to a row."""

from typing import Final

import msgspec

from hopline.model import SAMPLED, WEIGHT_ONE
from hopline.propagation.tracestate import Hop, parse_hop
from hopline_collector.formats import mapping
from hopline_collector.formats.decoded import FLAG_ERROR, WireAnnotation, WireLink, WireRow
from hopline_collector.formats.mapping import CLIENT, CONSUMER, LOCAL, PRODUCER, SERVER, BadSpanError, Process
from hopline_collector.formats.shapes import Shape, first, shape_of

PATH_ATTRIBUTE: Final = "hopline.span_id"
"""Set by our sampler for OpenTelemetry: the span's own path."""

TRACE_STATE: Final = "w3c.tracestate"
LINK: Final = "otel.link"
STATUS: Final = "otel.status_code"
DROPPED: Final = "dropped_attributes_count"

_KINDS: Final = (LOCAL, LOCAL, SERVER, CLIENT, PRODUCER, CONSUMER)
_STATUS_OK: Final = 1
_STATUS_ERROR: Final = 2
_FAILED: Final = SAMPLED | FLAG_ERROR


class Event(msgspec.Struct, gc=False):
    """A timed note."""

    at_us: int
    name: str
    attributes: dict[str, str]
    dropped: int = 0


class Link(msgspec.Struct, gc=False):
    """Another span that this one belongs with."""

    trace_id: bytes
    id: int
    attributes: dict[str, str]
    trace_state: str = ""
    dropped: int = 0


class Span(msgspec.Struct, gc=False):
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
    events: list[Event] | None
    links: list[Link] | None
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0


class Scope:
    """What every span of one instrumentation scope shares."""

    __slots__ = ("_apart", "attrs", "tags")

    def __init__(
        self,
        process: Process,
        name: str,
        version: str,
        attributes: dict[str, str] | None = None,
        *,
        dropped: int = 0,
        schema_url: str = "",
    ) -> None:
        self.tags = process.tags | ({"otel.scope.name": name} if name else {})
        self.attrs = process.attrs | ({"otel.scope.version": version} if version else {})
        self.attrs |= {f"otel.scope.{key}": value for key, value in (attributes or {}).items()}
        self.attrs |= mapping.said_of("otel.scope", dropped, schema_url)
        self._apart: dict[Shape, bool] = {}

    def with_tags(self, tags: dict[str, str], shape: Shape) -> dict[str, str]:
        """The tags of a span, then those of its scope and resource, which never win."""
        apart = self._apart.get(shape)
        if apart is None:
            apart = self._apart[shape] = self.tags.keys().isdisjoint(tags)
        return tags | self.tags if apart else self.tags | tags

    def with_attrs(self, attrs: dict[str, str] | None) -> dict[str, str] | None:
        """The same for attributes of high entropy."""
        return (self.attrs | attrs if self.attrs else attrs) if attrs else self.attrs or None


def wire_row(span: Span, scope: Scope) -> WireRow:
    """The row of a span. Raises :class:`BadSpanError` for ids that are none."""
    if len(span.trace_id) != 16 or not any(span.trace_id):
        raise BadSpanError("bad_trace_id", f"trace id of {len(span.trace_id)} bytes, or all zeros")
    if not span.id:
        raise BadSpanError("bad_id", "the span id is not 8 bytes, or all zeros")
    kind = _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else LOCAL
    found = span.attributes
    shape = shape_of(found)
    peer, peer_kind = mapping.peer(kind, found, shape)
    path = found.pop(PATH_ATTRIBUTE, "")
    hop, weight = _traced(span, kind) if span.trace_state else (None, WEIGHT_ONE)
    status = span.status
    failed = status == _STATUS_ERROR or (
        status != _STATUS_OK and bool(shape.status) and mapping.http_failed(kind, found, shape)
    )
    error_type, error_text = _error(span, shape) if failed else ("", "")
    uid = first(found, shape.user) if shape.user else ""
    attrs = scope.with_attrs(mapping.split(found, shape))
    said = _said(span)
    return WireRow(
        span.trace_id,
        path or (hop.path if hop else ""),
        span.id,
        span.parent_id,
        kind,
        span.name,
        span.start_us,
        span.duration_us,
        scope.with_tags(found, shape),
        0,
        _FAILED if failed else SAMPLED,
        uid,
        [hop.service, hop.instance, hop.zone, hop.operation] if hop else None,
        peer,
        peer_kind,
        weight,
        error_type,
        error_text,
        _annotations(span.events) if span.events else None,
        {**(attrs or {}), **said} if said else attrs,
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


def _error(span: Span, shape: Shape) -> tuple[str, str]:
    """Type and text: of the last exception where the span itself does not tell."""
    found, text = span.attributes, span.status_message
    for event in reversed(span.events or ()):
        if event.name == "exception":
            said = event.attributes
            kind = found.get("error.type") or said.get("exception.type") or mapping.error_type(found, shape, text)
            return kind, text or said.get("exception.message", "")
    return mapping.error_type(found, shape, text), text


def _annotations(events: list[Event]) -> list[WireAnnotation]:
    return [(event.at_us, event.name, _text(event)) for event in events]


def _text(event: Event) -> str:
    found = event.attributes
    return mapping.event_text(event.name, {**found, DROPPED: str(event.dropped)} if event.dropped else found)


def _links(links: list[Link]) -> list[WireLink]:
    return [(link.trace_id, link.id, LOCAL) for link in links]


def _said(span: Span) -> dict[str, str] | None:
    """What a span may say and seldom does: kept under names of its own."""
    if not (
        span.trace_state
        or span.links
        or span.status == _STATUS_OK
        or span.dropped_attributes
        or span.dropped_events
        or span.dropped_links
    ):
        return None
    drops = {
        "otel.dropped_attributes_count": span.dropped_attributes,
        "otel.dropped_events_count": span.dropped_events,
        "otel.dropped_links_count": span.dropped_links,
    }
    said = {key: str(count) for key, count in drops.items() if count}
    state = _others(span.trace_state)
    if state:
        said[TRACE_STATE] = state
    if span.status == _STATUS_OK:
        said[STATUS] = "OK"
    for number, link in enumerate(span.links or ()):
        facts = _said_of_link(link)
        if facts:
            said[f"{LINK}.{number}"] = msgspec.json.encode(facts).decode("utf-8", "replace")
    return said


def _others(trace_state: str) -> str:
    """The members of other vendors: ours became fields of the row."""
    if "hop=" not in trace_state:
        return trace_state
    return ",".join(member for member in trace_state.split(",") if not member.strip().startswith("hop="))


def _said_of_link(link: Link) -> dict[str, object]:
    facts: dict[str, object] = {"attributes": link.attributes} if link.attributes else {}
    if link.trace_state:
        facts["trace_state"] = link.trace_state
    if link.dropped:
        facts[DROPPED] = link.dropped
    return facts
