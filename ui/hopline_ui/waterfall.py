"""The first rows of a waterfall as the server draws them; ``static/js/waterfall.js`` takes over from there."""

from typing import Any, Final

from hopline_ui import fmt
from hopline_ui.service import Answer

ERROR: Final = 1
PLACEHOLDER: Final = 2
UNFINISHED: Final = 4
SUBTREE_ERROR: Final = 16
CRITICAL: Final = 32
WARNINGS: Final = 64
NOT_RECEIVED: Final = 512

LEAST_WIDTH: Final = 0.2
"""Per cent of the drawing that the shortest bar takes, so that it can be seen."""


def waterfall_rows(timeline: Answer) -> list[dict[str, Any]]:
    """One entry per node of a ``timeline`` answer; positions are per cent of the trace's duration."""
    columns = timeline["columns"]
    whole = max(timeline["duration_us"] or 0, 1)
    return [_row(timeline, columns, at, whole) for at in range(len(columns["key"]))]


def _row(timeline: Answer, columns: dict[str, list[Any]], at: int, whole: int) -> dict[str, Any]:
    flags = columns["flags"][at]
    left, width = _extent(columns["start"][at], columns["duration"][at], whole)
    inner = None
    if columns["inner_start"][at] >= 0:
        inner = _extent(columns["inner_start"][at], columns["inner_duration"][at], whole)
    return {
        "key": columns["key"][at],
        "span_id": columns["span_id"][at],
        "depth": columns["depth"][at],
        "level": columns["depth"][at] + 1,
        "service": timeline["service_table"][columns["service"][at]],
        "name": timeline["name_table"][columns["name"][at]],
        "kind": timeline["kinds"][columns["kind"][at]],
        "duration": fmt.duration(columns["duration"][at]),
        "attempt": columns["attempt"][at],
        "peer": columns["peer"][at],
        "left": left,
        "width": width,
        "inner": inner,
        "parent": columns["subtree"][at] > 1,
        "error": bool(flags & ERROR),
        "placeholder": bool(flags & PLACEHOLDER),
        "unfinished": bool(flags & UNFINISHED),
        "subtree_error": bool(flags & SUBTREE_ERROR),
        "not_received": bool(flags & NOT_RECEIVED),
        # The figure stands right of its bar, or left of it where no room is left.
        "label_left": left + width > 86,
    }


def _extent(start: int, length: int, whole: int) -> tuple[float, float]:
    left = min(max(100 * start / whole, 0.0), 100 - LEAST_WIDTH)
    return round(left, 3), round(min(max(100 * length / whole, LEAST_WIDTH), 100 - left), 3)
