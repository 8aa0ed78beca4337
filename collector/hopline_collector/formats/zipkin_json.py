"""Zipkin v2 in JSON: a list of spans.

A well-formed list is decoded in one typed pass; only when that fails is each span looked
at for itself, where numbers may stand for texts and texts for numbers, as Zipkin's own
reader has it.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hopline.model import KINDS
from hopline_collector.block.limits import CUT_TAG
from hopline_collector.formats.decoded import Decoded, DecodeError, Refused
from hopline_collector.formats.mapping import BadSpanError
from hopline_collector.formats.objects import repaired_json
from hopline_collector.formats.zipkin_span import NOWHERE, Endpoint, Span, batches, id_number, trace_id_bytes

TIME_MAX: Final = 2**63

_KINDS: Final[dict[str | None, int]] = {None: 0} | {name.upper(): number for number, name in enumerate(KINDS) if number}
_PADDING: Final = re.compile(rb"(?<=\})\x00+(?=[,\]])")
_FAULTS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, TypeError, OverflowError)


class JsonEndpoint(msgspec.Struct, gc=False):
    """Where a span was recorded, as JSON of v1 and v2 has it."""

    serviceName: str | None = None  # noqa: N815 - the protocol's own name: renaming costs a dict per span
    ipv4: str | None = None
    ipv6: str | None = None
    port: int | None = None


class _Annotation(msgspec.Struct, gc=False):
    timestamp: int
    value: str


class _Span(msgspec.Struct, rename="camel", gc=False):
    trace_id: str
    id: str
    parent_id: str | None = None
    kind: str | None = None
    name: str | None = None
    timestamp: int | None = None
    duration: int | None = None
    local_endpoint: JsonEndpoint | None = None
    remote_endpoint: JsonEndpoint | None = None
    annotations: list[_Annotation] | None = None
    tags: dict[str, str] | None = None
    debug: bool | None = None
    shared: bool | None = None


_spans: Final = msgspec.json.Decoder(list[_Span])
_raws: Final = msgspec.json.Decoder(list[msgspec.Raw])
_one: Final = msgspec.json.Decoder(_Span)


def decode(body: bytes) -> Decoded:
    """Rows of a JSON list of v2 spans. Raises :class:`DecodeError` when it is none."""
    try:
        found = _spans.decode(body)
    except _FAULTS:
        return _apart(body)
    try:
        return Decoded(batches(enumerate(map(_span, found))))
    except BadSpanError:
        return _apart(body)


def _apart(body: bytes) -> Decoded:
    """Each span for itself, so that a bad one is named and refused alone."""
    try:
        raws = _raws.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        repaired = without_padding(body) or repaired_json(body)
        if repaired is None:
            raise malformed(body, error) from error
        return decode(repaired)
    refused: list[Refused] = []

    def taken() -> Iterator[tuple[int, Span]]:
        for index, raw in enumerate(raws):
            try:
                yield index, _lenient(raw)
            except _FAULTS as error:
                text = f"{error} reading List<Span> from json, at $[{index}]"
                reason = error.reason if isinstance(error, BadSpanError) else "malformed_span"
                refused.append(Refused(index, reason, text[:500], b"[" + bytes(raw) + b"]"))

    return Decoded(batches(taken()), refused)


def without_padding(body: bytes) -> bytes | None:
    """The body without the zeros that zipkin-reporter leaves behind some spans; None where there are none."""
    unpadded = _PADDING.sub(b"", body)
    return unpadded if len(unpadded) < len(body) else None


def malformed(body: bytes, error: Exception) -> DecodeError:
    """The error that says what is wrong and where."""
    place = f" (byte {len(body)})" if "truncated" in str(error) else ""
    return DecodeError("malformed", f"Malformed reading List<Span> from json: {error}{place}")


def _span(found: _Span) -> Span:
    kind = _KINDS.get(found.kind)
    if kind is None:
        raise BadSpanError("bad_kind", f"{found.kind!r:.40} is no span kind: CLIENT, SERVER, PRODUCER or CONSUMER")
    annotations = found.annotations
    local, remote = found.local_endpoint, found.remote_endpoint
    return Span(
        trace_id_bytes(found.trace_id),
        id_number("id", found.id),
        parent_number(found.parent_id) if found.parent_id else 0,
        kind,
        found.name or "",
        time_or_none(found.timestamp) if found.timestamp else 0,
        duration_or_none(found.duration) if found.duration else 0,
        endpoint(local) if local is not None else NOWHERE,
        endpoint(remote) if remote is not None else NOWHERE,
        [(note.timestamp, note.value) for note in annotations] if annotations else [],
        found.tags if found.tags is not None else {},
        found.debug is True,
        found.shared is True,
    )


def parent_number(text: str) -> int:
    """0 for zeros: a root, as Zipkin has it."""
    return id_number("parentId", text) if text.strip("0") else 0


def time_or_none(value: int) -> int:
    """0, which means absent, for what is no time."""
    return value if 0 < value < TIME_MAX else 0


def duration_or_none(value: int) -> int:
    """0, which means absent, for what is no duration; a negative one is told as it came."""
    return value if -TIME_MAX < value < TIME_MAX else 0


def endpoint(found: JsonEndpoint) -> Endpoint:
    """Service, addresses and port; an address that is none counts as absent, a port over 65535 is an error."""
    port = found.port or 0
    if port > 65_535:
        raise BadSpanError("bad_port", f"invalid port {port}")
    ipv4, ipv6 = found.ipv4, found.ipv6
    if ipv4 and ipv6:
        known, other = _address(ipv4), _address(ipv6)
        return Endpoint(found.serviceName or "", known or other, max(port, 0), other if known else "")
    address = ipv4 or ipv6
    return Endpoint(found.serviceName or "", _address(address) if address else "", max(port, 0))


def _address(text: str) -> str:
    """The address, or "" for what is none."""
    known = _addresses.get(text)
    if known is not None:
        return known
    try:
        found = str(ipaddress.ip_address(text))
    except ValueError:
        found = ""
    if len(text) < 64:
        if len(_addresses) >= 16_384:
            _addresses.clear()
        _addresses[text] = found
    return found


_addresses: Final[dict[str, str]] = {}
"""Addresses checked before: as written -> as kept."""


def _lenient(raw: bytes | msgspec.Raw) -> Span:
    """One span; where it does not fit, numbers may stand for texts and texts for numbers."""
    try:
        return _span(_one.decode(raw))
    except msgspec.ValidationError:
        fields = msgspec.json.decode(raw)
        if not isinstance(fields, dict):
            raise
        missing = [name for name in ("traceId", "id") if fields.get(name) is None]
        if missing:
            raise BadSpanError("missing_id", f"Missing : {' '.join(missing)}") from None
        return _span(msgspec.convert(_mended(fields), _Span))
    except (msgspec.DecodeError, UnicodeError):
        repaired = repaired_json(bytes(raw))
        if repaired is None:
            raise
        return _lenient(repaired)


def _mended(fields: dict[str, Any]) -> dict[str, Any]:
    mended = dict(fields)
    for name in ("traceId", "id", "parentId", "name"):
        if isinstance(mended.get(name), int):
            mended[name] = str(mended[name])
    for name in ("timestamp", "duration"):
        mended[name] = _number(name, mended.get(name))
    tags = mended.get("tags")
    if isinstance(tags, dict):
        mended["tags"] = {key: _tag(key, value) for key, value in tags.items() if value is not None}
        if None in tags.values():
            mended["tags"][CUT_TAG] = "null_tag"
    notes = mended.get("annotations")
    if isinstance(notes, list):
        mended["annotations"] = [
            {**note, "timestamp": _number("timestamp", note.get("timestamp"))} if isinstance(note, dict) else note
            for note in notes
        ]
    for name in ("localEndpoint", "remoteEndpoint"):
        endpoint = mended.get(name)
        if isinstance(endpoint, dict):
            mended[name] = {**endpoint, "port": _number("port", endpoint.get("port"))}
    return mended


def _number(name: str, value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, str) and len(value) <= 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadSpanError("malformed_span", f"Expected a long but was {str(value)[:40]} at .{name}")
    return value


def _tag(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise BadSpanError("malformed_span", f"tag {key[:80]!r} is neither text nor number")
