"""Zipkin v1 in JSON: kinds and times are told by annotations.

The rules are those of Zipkin's own conversion: `cs`/`cr` make a client span, `sr`/`ss` a
server span, `ms` and `mr` a producer and a consumer; a span that holds both sides of a
call is two rows with one id; `sa`, `ca` and `ma` name the far end.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from hopline_collector.formats.decoded import Decoded, Refused
from hopline_collector.formats.mapping import CLIENT, CONSUMER, LOCAL, PRODUCER, SERVER, BadSpanError, text_of
from hopline_collector.formats.objects import repaired_json
from hopline_collector.formats.zipkin_json import (
    JsonEndpoint,
    endpoint,
    malformed,
    parent_number,
    time_or_none,
    without_padding,
)
from hopline_collector.formats.zipkin_span import NOWHERE, Endpoint, Span, batches, id_number, trace_id_bytes

_BEGIN: Final = {"cs": CLIENT, "sr": SERVER, "ms": PRODUCER, "mr": CONSUMER}
_END: Final = {"cr": CLIENT, "ss": SERVER, "ws": PRODUCER, "wr": CONSUMER}
_FAR: Final = {"sa": CLIENT, "ca": SERVER, "ma": PRODUCER}
_FAULTS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, TypeError, OverflowError)


class _Annotation(msgspec.Struct, gc=False):
    value: str
    timestamp: int = 0
    endpoint: JsonEndpoint | None = None


class _BinaryAnnotation(msgspec.Struct, gc=False):
    key: str
    value: str | bool | int | float | None = None
    endpoint: JsonEndpoint | None = None


class _Span(msgspec.Struct, rename="camel", gc=False):
    trace_id: str
    id: str
    name: str | None = None
    parent_id: str | None = None
    timestamp: int | None = None
    duration: int | None = None
    debug: bool | None = None
    annotations: list[_Annotation] | None = None
    binary_annotations: list[_BinaryAnnotation] | None = None


_raws: Final = msgspec.json.Decoder(list[msgspec.Raw])
_one: Final = msgspec.json.Decoder(_Span)


def decode(body: bytes) -> Decoded:
    """Rows of a JSON list of v1 spans. Raises :class:`DecodeError` when it is none."""
    try:
        body.decode()
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
                sides = list(_sides(_one.decode(raw)))
            except _FAULTS as error:
                reason = error.reason if isinstance(error, BadSpanError) else "malformed_span"
                text = f"{error} reading List<Span> from json, at $[{index}]"
                refused.append(Refused(index, reason, text[:500], b"[" + bytes(raw) + b"]"))
            else:
                for side in sides:
                    yield index, side

    return Decoded(batches(taken()), refused)


def _sides(span: _Span) -> Iterator[Span]:
    """One span per side of the call that it tells of; a local one when it tells of none."""
    notes, extras = span.annotations or [], span.binary_annotations or []
    begin = {_BEGIN[note.value]: note for note in notes if note.value in _BEGIN}
    end = {_END[note.value]: note for note in notes if note.value in _END}
    far = {_FAR[extra.key]: extra.endpoint for extra in extras if extra.key in _FAR and extra.value in (True, "true")}
    kinds = sorted({*begin, *end})
    if not kinds and CLIENT in far:
        kinds = [CLIENT]
    told = [note.endpoint for note in notes] + [extra.endpoint for extra in extras if extra.key not in _FAR]
    fallback = next((found for found in told if found is not None), None)
    for kind in kinds or [LOCAL]:
        first, last = begin.get(kind), end.get(kind)
        told_by = (first.endpoint if first else None) or (last.endpoint if last else None)
        local = _endpoint(told_by or fallback)
        alone = len(kinds) <= 1
        start, duration = _times(span, first, last, whole=alone or kind != SERVER)
        yield Span(
            trace_id_bytes(span.trace_id),
            id_number("id", span.id),
            parent_number(span.parent_id) if span.parent_id else 0,
            kind,
            span.name or "",
            start,
            duration,
            local,
            _endpoint(far.get(kind)),
            [
                (note.timestamp, note.value)
                for note in notes
                if note.value not in _BEGIN and note.value not in _END and (alone or _here(note.endpoint, local))
            ],
            {
                extra.key: text_of(extra.value)
                for extra in extras
                if extra.key not in _FAR and (alone or _here(extra.endpoint, local))
            },
            span.debug is True,
            kind == SERVER and (not alone or not span.timestamp),
        )


def _times(span: _Span, first: _Annotation | None, last: _Annotation | None, *, whole: bool) -> tuple[int, int]:
    """Start and duration: the span's own where they are meant for this side, else between the annotations."""
    start = span.timestamp if whole and span.timestamp else (first.timestamp if first else 0)
    duration = span.duration if whole and span.duration else 0
    if not duration and first and last:
        duration = max(last.timestamp - first.timestamp, 0)
    return time_or_none(start), time_or_none(duration)


def _endpoint(found: JsonEndpoint | None) -> Endpoint:
    return NOWHERE if found is None else endpoint(found)


def _here(found: JsonEndpoint | None, local: Endpoint) -> bool:
    """Whether something was said by this side of the call."""
    return found is None or (found.serviceName or "") == local.service
