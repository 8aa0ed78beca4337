"""One row where OpenTelemetry and we instrument the same call.

Whichever lies outside makes the row. Our hooks are silent inside the row of a call (:func:`hopline.tracer.call`)
and of a served one (:func:`hopline.hooks.server.is_served`), OpenTelemetry's instrumentations are not: their span
inside our row stands for it instead, with its id, so that headers, children and links are those of the row.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from hopline import semconv
from hopline.otel.state import shared_row
from hopline.spans import Span as Row
from hopline.vocabulary import CALL_KINDS, ENTRY_KINDS

_CALLS: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER})
_ENTRIES: Final = frozenset({SpanKind.SERVER, SpanKind.CONSUMER})
_REQUEST: Final = ("http.request.method", "http.method")
"""First attributes of a serving instrumentation, whose span is INTERNAL where a span is current already."""


def covered(parent: SpanContext, kind: SpanKind, found: Mapping[str, object]) -> Row | None:
    """The row of ours that tells of the span to be begun, whose first attributes are ``found``."""
    row = shared_row(parent)
    if row is None or row.end_ns:
        return None
    if row.kind in CALL_KINDS:
        return row if kind in _CALLS else None
    if row.kind not in ENTRY_KINDS:
        return None
    served = kind in _ENTRIES or (kind is SpanKind.INTERNAL and any(name in found for name in _REQUEST))
    return row if served else None


def stand_in(span: Span, row: Row) -> None:
    """Give ``span`` the place of ``row``: its id, and what the application says of the one is said of the other."""
    known = span.get_span_context()
    assert known is not None
    span._context = SpanContext(known.trace_id, row.id_int, False, known.trace_flags, known.trace_state)  # noqa: SLF001 - no plug point chooses a span's id by its parent
    # record_exception goes through add_event
    span.set_attribute = partial(_set_attribute, row, span.set_attribute)  # type: ignore[method-assign]
    span.set_attributes = partial(_set_attributes, row, span.set_attributes)  # type: ignore[method-assign]
    span.add_event = partial(_add_event, row, span.add_event)  # type: ignore[method-assign]


def ended(span: ReadableSpan, row: Row) -> None:
    """A status that the application has set fails the row too."""
    if span.status.status_code is StatusCode.ERROR and not row.end_ns and not row.detail.error:
        found = {key: semconv.text_of(value) for key, value in (span.attributes or {}).items()}
        row.fail(semconv.error_type(found), span.status.description or "")


def _set_attribute(row: Row, original: Callable[..., None], key: str, value: Any) -> None:
    original(key, value)
    _note(row, key, value)


def _set_attributes(row: Row, original: Callable[..., None], attributes: Mapping[str, Any]) -> None:
    original(attributes)
    for key, value in attributes.items():
        _note(row, key, value)


def _note(row: Row, key: str, value: Any) -> None:
    if key in semconv.USER:
        row.set_uid(semconv.text_of(value))
    elif key not in row.tags and key != semconv.ANSWERED_AS:
        row.tag(key, semconv.text_of(value))


def _add_event(
    row: Row,
    original: Callable[..., None],
    name: str,
    attributes: Mapping[str, Any] | None = None,
    *rest: Any,
    **more: Any,
) -> None:
    original(name, attributes, *rest, **more)
    found = {key: semconv.text_of(value) for key, value in (attributes or {}).items()}
    row.annotate(name, semconv.event_text(name, found))
