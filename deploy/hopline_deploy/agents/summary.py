"""One trace of any size in a few facts: what failed first, on which way, and where the time went. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_FAILED: Final = 1
_PLACEHOLDER: Final = 2
_MOST: Final = 15

Answer = Mapping[str, Any]


def failing(timeline: Answer) -> int | None:
    """Index of the deepest failing call, of those the earliest; None: nothing failed."""
    columns = timeline["columns"]
    failed = [i for i, flags in enumerate(columns["flags"]) if flags & _FAILED and not flags & _PLACEHOLDER]
    return min(failed, key=lambda i: (-columns["depth"][i], columns["start"][i]), default=None)


def summarised(timeline: Answer) -> dict[str, Any]:
    """Facts of a trace in the shape ``timeline``, most telling first."""
    columns = timeline["columns"]
    names = ("service", "name", "start_us", "duration_us", "extent_us", "state", "spans", "expected", "received")
    head = {name: timeline[name] for name in names if name in timeline}
    failed = [i for i, flags in enumerate(columns["flags"]) if flags & _FAILED]
    worst = failing(timeline)
    slowest = sorted(range(len(columns["self"])), key=lambda i: -(columns["self"][i] or 0))
    critical = sorted(range(len(columns["critical"])), key=lambda i: -(columns["critical"][i] or 0))
    return {
        "trace": head | {"failing_calls": len(failed)},
        "failure": None if worst is None else _call(timeline, worst),
        "way_to_the_failure": [] if worst is None else [_call(timeline, i) for i in _way(columns["parent"], worst)],
        "critical_path": [_call(timeline, i) for i in critical[:_MOST] if columns["critical"][i]],
        "slowest_by_own_time": [_call(timeline, i) for i in slowest[:_MOST]],
        "failing": [_call(timeline, i) for i in failed[:200]],
    }


def _way(parents: Sequence[int], index: int) -> list[int]:
    way = [index]
    while parents[way[-1]] >= 0:
        way.append(parents[way[-1]])
    return way[::-1]


def _call(timeline: Answer, index: int) -> dict[str, Any]:
    columns = timeline["columns"]
    return {
        "span_id": columns["span_id"][index],
        "service": timeline["service_table"][columns["service"][index]],
        "operation": timeline["name_table"][columns["name"][index]],
        "duration_us": columns["duration"][index],
        "own_us": columns["self"][index],
        "critical_us": columns["critical"][index],
        "error": bool(columns["flags"][index] & _FAILED),
    }
