"""The flame graph of a trace: an icicle of self and total time, calls of one path of names added up."""

from dataclasses import dataclass, field
from typing import Any, Final

from hopline_ui import fmt
from hopline_ui.palette import colours
from hopline_ui.service import Answer

ROW: Final = 22
LEAST: Final = 0.15
"""Per cent of the width below which a box is left out: nobody could see or hit it."""


@dataclass(slots=True)
class _Frame:
    service: str
    name: str
    total: int = 0
    own: int = 0
    calls: int = 0
    width: int = 0
    """Own time and the children's widths: children side by side can exceed their parent's total."""
    children: dict[tuple[str, str], "_Frame"] = field(default_factory=dict)


def icicle(timeline: Answer) -> dict[str, Any]:
    """Boxes of the flame graph: ``x`` and ``width`` in per cent, ``y`` in pixels, and what was left out."""
    roots = _merge(timeline)
    palette = colours(entry["service"] for entry in timeline["services"])
    palette.setdefault("", 0)
    whole = max(sum(frame.width for frame in roots.values()), 1)
    boxes: list[dict[str, Any]] = []
    hidden = 0
    stack = [(frame, 0, x) for frame, x in _side_by_side(roots, 0)]
    while stack:
        frame, depth, start = stack.pop()
        share = 100 * frame.width / whole
        if share < LEAST:
            hidden += 1
            continue
        boxes.append(_box(frame, palette[frame.service], start, whole, depth))
        stack += [(child, depth + 1, x) for child, x in _side_by_side(frame.children, start)]
    boxes.sort(key=lambda box: (box["y"], box["x"]))
    height = max((box["y"] for box in boxes), default=0) + ROW
    return {"boxes": boxes, "height": height, "hidden": hidden}


def _merge(timeline: Answer) -> dict[tuple[str, str], _Frame]:
    columns = timeline["columns"]
    roots: dict[tuple[str, str], _Frame] = {}
    made: list[_Frame] = []
    unique: list[_Frame] = []
    for at, parent in enumerate(columns["parent"]):
        key = (timeline["service_table"][columns["service"][at]], timeline["name_table"][columns["name"][at]])
        siblings = made[parent].children if parent >= 0 else roots
        if key not in siblings:
            siblings[key] = _Frame(*key)
            unique.append(siblings[key])
        frame = siblings[key]
        frame.total += columns["duration"][at]
        frame.own += columns["self"][at] or 0
        frame.calls += 1
        made.append(frame)
    for frame in reversed(unique):  # children are made after their parents
        frame.width = frame.own + sum(child.width for child in frame.children.values())
    return roots


def _side_by_side(frames: dict[tuple[str, str], _Frame], start: int) -> list[tuple[_Frame, int]]:
    placed = []
    for frame in sorted(frames.values(), key=lambda f: (-f.width, f.service, f.name)):
        placed.append((frame, start))
        start += frame.width
    return placed


def _box(frame: _Frame, colour: int, start: int, whole: int, depth: int) -> dict[str, Any]:
    width = 100 * frame.width / whole
    return {
        "service": frame.service,
        "name": frame.name,
        "colour": colour,
        "x": round(100 * start / whole, 3),
        "width": round(width, 3),
        "y": depth * ROW,
        "calls": frame.calls,
        "total": fmt.duration(frame.total),
        "own": fmt.duration(frame.own),
        # About 7 px a letter on a drawing 1,200 px wide; narrower boxes carry their name as a title only.
        "label": f"{frame.service} {frame.name}".strip()[: int(width * 12 / 7)] if width > 3 else "",
    }
