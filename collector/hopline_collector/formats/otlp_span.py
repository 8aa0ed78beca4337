"""One OTLP span, from whichever encoding, to a row."""

from typing import Final, NamedTuple

import msgspec

from hopline.model import DEBUG, SAMPLED, WEIGHT_ONE
from hopline.propagation.tracestate import Hop, parse_hop
from hopline_collector.formats import mapping, otlp_own
from hopline_collector.formats.decoded import FLAG_ERROR, WireLink, WireRow
from hopline_collector.formats.mapping import CLIENT, CONSUMER, LOCAL, PRODUCER, SERVER, BadSpanError
from hopline_collector.formats.otlp_events import Event, annotations
from hopline_collector.formats.otlp_resource import RESOURCE, Process, said_of
from hopline_collector.formats.shapes import PATH_ATTRIBUTE, Shape, first, shape_of
from hopline_collector.formats.typed import TYPES, marker, native, types_of

TRACE_STATE: Final = "w3c.tracestate"
LINK: Final = "otel.link"
STATUS: Final = "otel.status_code"
"""Attr with the status where the field ``error`` does not tell it: `OK`, or `UNSET` of what failed by its code."""
STATUS_TEXT: Final = "otel.status_description"
"""Attr with the status' message where the field ``error_text`` does not tell it."""
SCOPE_TYPES: Final = "otel.scope.types"
DROPPED: Final = "dropped_attributes_count"

_KINDS: Final = (LOCAL, LOCAL, SERVER, CLIENT, PRODUCER, CONSUMER)
_STATUS_OK: Final = 1
_STATUS_ERROR: Final = 2
_FAILED: Final = SAMPLED | FLAG_ERROR
_OUTWARD: Final = (CLIENT, PRODUCER, CONSUMER)
_NOBODY: Final = ("", "")
_ZEROS: Final = bytes(16)


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

    __slots__ = ("_apart", "_process", "attrs", "tags")

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
        types = types_of(attributes := dict(attributes or {}))
        self.attrs |= {f"otel.scope.{key}": value for key, value in attributes.items()}
        self.attrs |= {SCOPE_TYPES: marker(types)} if types else {}
        self.attrs |= said_of("otel.scope", dropped, schema_url)
        self._process = process
        self._apart: dict[Shape, bool] = {}

    def parted(self, found: dict[str, str], shape: Shape) -> tuple[dict[str, str], dict[str, str]]:
        """Tags and attributes of a span, then those of its scope and resource, which never win."""
        attrs = {key: found.pop(key) for key in shape.scan} if shape.scan else None
        apart = self._apart.get(shape)
        if apart is None:
            apart = self._apart[shape] = self.tags.keys().isdisjoint(found)
        tags = found | self.tags if apart else self.tags | found
        shared = self.attrs if apart else {**self.attrs, RESOURCE: self._process.marker(found)}
        return tags, shared | attrs if attrs else shared


def wire_row(span: Span, scope: Scope) -> WireRow:
    """The row of a span. Raises :class:`BadSpanError` for ids that are none."""
    trace_id = span.trace_id
    if len(trace_id) != 16 or trace_id == _ZEROS:
        raise BadSpanError("bad_trace_id", f"trace id of {len(trace_id)} bytes, or all zeros")
    if not span.id:
        raise BadSpanError("bad_id", "the span id is not 8 bytes, or all zeros")
    kind = _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else LOCAL
    found, status, trace_state = span.attributes, span.status, span.trace_state
    types = types_of(found)
    shape = shape_of(found)
    own = otlp_own.taken(found) if shape.own else None
    if own is not None:
        shape = shape_of(found)
    peer, peer_kind = mapping.peer(kind, found, shape) if kind in _OUTWARD else _NOBODY
    path = found.pop(PATH_ATTRIBUTE) if shape.path else ""
    traced = _traced(span, kind) if trace_state else _UNTRACED
    hop = traced.hop
    failed = status == _STATUS_ERROR or (
        status != _STATUS_OK and bool(shape.status) and mapping.http_failed(kind, found, shape)
    )
    error_type, error_text = _error(span, shape) if failed else _NOBODY
    uid = first(found, shape.user) if shape.user else ""
    tags, attrs = scope.parted(found, shape)
    plain = status == _STATUS_ERROR if failed else not status
    if trace_state or span.links or types or not plain or span.status_message != error_text or _dropped(span):
        attrs = {**attrs, **_said(span, types, error_text, plain=plain)}
    row = WireRow(
        trace_id,
        path or (hop.path if hop else ""),
        span.id,
        span.parent_id,
        kind,
        span.name,
        span.start_us,
        span.duration_us,
        tags,
        0,
        (_FAILED if failed else SAMPLED) | traced.flags,
        uid,
        [hop.service, hop.instance, hop.zone, hop.operation] if hop else None,
        peer,
        peer_kind,
        traced.weight,
        error_type,
        error_text,
        annotations(span.events) if span.events else None,
        attrs,
        _links(span.links) if span.links else None,
        0,
    )
    if own is not None:
        otlp_own.restore(row, own)
    return row


class _Traced(NamedTuple):
    """What a trace state says of the call that came in."""

    hop: Hop | None = None
    """Path and caller, where the span adopts them."""
    weight: int = WEIGHT_ONE
    flags: int = 0


_UNTRACED: Final = _Traced()


def _traced(span: Span, kind: int) -> _Traced:
    """Weight and debug hold for the whole trace, path and caller where they are not stale."""
    at = span.trace_state.find("hop=")
    hop = parse_hop(span.trace_state[at + 4 :].partition(",")[0].strip()) if at >= 0 else None
    if hop is None:
        return _Traced(weight=mapping.weight_of(span.trace_state))
    adopts = kind in (SERVER, CONSUMER) and hop.id == span.parent_id
    return _Traced(hop if adopts else None, hop.weight, DEBUG if hop.debug else 0)


def _error(span: Span, shape: Shape) -> tuple[str, str]:
    """Type and text: of the last exception where the span itself does not tell."""
    found, text = span.attributes, span.status_message
    for event in reversed(span.events or ()):
        if event.name == "exception":
            said = event.attributes
            kind = found.get("error.type") or said.get("exception.type") or mapping.error_type(found, shape, text)
            return str(kind), text or str(said.get("exception.message", ""))
    return mapping.error_type(found, shape, text), text


def _links(links: list[Link]) -> list[WireLink]:
    return [(link.trace_id, link.id, LOCAL) for link in links]


def _dropped(span: Span) -> bool:
    return bool(span.dropped_attributes or span.dropped_events or span.dropped_links)


def _said(span: Span, types: dict[str, str], error_text: str, *, plain: bool) -> dict[str, str]:
    """What a span may say and seldom does: kept under names of its own."""
    drops = {
        "otel.dropped_attributes_count": span.dropped_attributes,
        "otel.dropped_events_count": span.dropped_events,
        "otel.dropped_links_count": span.dropped_links,
    }
    said = {key: str(count) for key, count in drops.items() if count}
    state = _others(span.trace_state)
    if state:
        said[TRACE_STATE] = state
    if not plain:
        said[STATUS] = "OK" if span.status == _STATUS_OK else "UNSET"
    if span.status_message != error_text:
        said[STATUS_TEXT] = span.status_message
    if left := {key: kind for key, kind in types.items() if not otlp_own.is_own(key)}:
        said[TYPES] = marker(left)
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
    facts: dict[str, object] = {"attributes": native(link.attributes)} if link.attributes else {}
    if link.trace_state:
        facts["trace_state"] = link.trace_state
    if link.dropped:
        facts[DROPPED] = link.dropped
    return facts
