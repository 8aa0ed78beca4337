"""Rows as they were sent: without what the collector made up, corrected or marked (docs/inputs.md)."""

from dataclasses import replace

from hopline.model import Row
from hopline_query.tree.marks import (
    BAD_DURATION,
    CUT,
    EMPTY,
    KEPT,
    MOVED,
    NULL_TAG,
    SOURCE_DURATION,
    SOURCE_START,
    marks_of,
)

CORRECTED = frozenset({EMPTY, KEPT, MOVED, BAD_DURATION, NULL_TAG})
"""Marks of what :func:`as_sent` takes back; others tell of what is gone."""

TYPES = "otel.types"
STRUCTURE = frozenset({TYPES, "otel.scope.types", "otel.resource"})
"""Attrs that tell how OTLP's values and resources were built: no sender's words."""


def as_sent(row: Row) -> Row:
    """The row with the times and the name of its sender; start 0 where none was sent."""
    marks = marks_of(row)
    moved, bad = MOVED in marks, BAD_DURATION in marks
    start = (_number(row.tags.get(SOURCE_START, ""), row.start_us) if moved else row.start_us) or 0
    duration = _number(row.tags.get(SOURCE_DURATION, ""), row.duration_us) if bad else row.duration_us
    back = row.start_us - start if start and KEPT not in marks else 0
    ours = {CUT, *([SOURCE_START] if moved else []), *([SOURCE_DURATION] if bad else [])}
    tags = {key: value for key, value in row.tags.items() if key not in ours}
    left = ",".join(mark for mark in marks if mark not in CORRECTED)
    return replace(
        row,
        name="" if EMPTY in marks else row.name,
        start_us=start,
        duration_us=duration,
        annotations=[(at - back, key, value) for at, key, value in row.annotations] if back else row.annotations,
        tags=tags | ({CUT: left} if left else {}),
    )


def _number(original: str, stored: int | None) -> int | None:
    """The number as it was sent; None for one beyond 64 bits."""
    return int(original) if original.removeprefix("-").isdecimal() else None if original else stored
