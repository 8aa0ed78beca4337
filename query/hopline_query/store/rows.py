"""Rows of the store as rows of the model: their columns, ids as text, order and identity."""

from collections.abc import Iterable, Sequence
from typing import Any

from hopline.model import Annotation, Link, Row
from hopline_query.store.asking import statement

Copy = tuple[str, str, int, int, bool]


def columns() -> str:
    """The beginning of a statement that :func:`row_of` reads."""
    return statement("trace_rows").partition("FROM ")[0]


def row_of(values: Sequence[Any]) -> Row:
    """The row of what trace_rows.sql answers: there columns stand as they are stored, in the order of the model."""
    (
        trace_id,
        kind,
        service,
        name,
        start_us,
        span_id,
        number,
        parent,
        duration_us,
        unfinished,
        instance,
        host,
        zone,
        env,
        version,
        error,
        error_type,
        error_text,
        caller_service,
        caller_instance,
        caller_zone,
        caller_name,
        peer,
        peer_kind,
        uid,
        annotations,
        tags,
        attrs,
        links,
        children,
        flags,
        weight,
        attempt,
        arrived,
    ) = values
    return Row(
        trace_id.hex(),
        kind,
        service,
        name,
        start_us,
        span_id,
        hex16(number),
        hex16(parent) or None,
        None if unfinished else duration_us,
        instance,
        host,
        zone,
        env,
        version,
        bool(error),
        error_type,
        error_text,
        caller_service,
        caller_instance,
        caller_zone,
        caller_name,
        peer,
        peer_kind,
        uid,
        _annotations(annotations),
        tags,
        attrs,
        _links(links),
        children,
        flags,
        weight,
        attempt,
        arrived,
    )


def _annotations(stored: Iterable[Any]) -> list[Annotation]:
    return [values_of(note) for note in stored]


def _links(stored: Iterable[Any]) -> list[Link]:
    return [(trace_id.hex(), hex16(number), kind) for trace_id, number, kind in map(values_of, stored)]


def values_of(stored: Any) -> tuple[Any, ...]:
    """A tuple of the engine: the driver gives it as one, or as a mapping where its parts are named."""
    return tuple(stored.values()) if isinstance(stored, dict) else tuple(stored)


def hex16(number: int) -> str:
    """16 lower-case hex digits, empty for 0."""
    return f"{number:016x}" if number else ""


def stored_order(row: Row) -> tuple[int, int, str, bool]:
    """The order in which the store answers the rows of a trace."""
    return (row.start_us, int(row.id or "0", 16), row.kind, row.duration_us is None)


def stored_copy(row: Row) -> Copy:
    """What tells one stored copy of a trace's row from another (hopline_collector.chores.archive)."""
    return (row.id, row.kind, row.start_us, row.arrived, row.duration_us is None)
