"""A timeline's calls as rows of a table: what stands in the page until, or instead of, the waterfall's script."""

from typing import Any, Final

from hopline_ui.service import Answer

ERROR: Final = 1
PLACEHOLDER: Final = 2
TIMELESS: Final = 1024


def calls(timeline: Answer) -> list[dict[str, Any]]:
    """One entry per call of a ``timeline`` answer, with the fields of a ``flat`` one that a table shows."""
    columns = timeline["columns"]
    return [_call(timeline, columns, at) for at in range(len(columns["key"]))]


def _call(timeline: Answer, columns: dict[str, list[Any]], at: int) -> dict[str, Any]:
    flags = columns["flags"][at]
    whole = timeline["duration_us"]
    return {
        "key": columns["key"][at],
        "span_id": columns["span_id"][at],
        "depth": columns["depth"][at],
        "service": timeline["service_table"][columns["service"][at]] or columns["peer"][at],
        "name": timeline["name_table"][columns["name"][at]],
        "start_us": timeline["start_us"] + columns["start"][at],
        "gap_us": columns["gap"][at],
        "duration_us": columns["duration"][at],
        "self_us": columns["self"][at],
        "critical_share": columns["critical"][at] / whole if whole else None,
        "instance": "",
        "error": bool(flags & ERROR),
        "placeholder": bool(flags & PLACEHOLDER),
        "time_unknown": bool(flags & TIMELESS),
    }
