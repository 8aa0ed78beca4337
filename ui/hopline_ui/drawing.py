"""Small drawings as SVG path data: sparklines, edges of the map."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

SPARK_WIDTH: Final = 96
SPARK_HEIGHT: Final = 22
CHART_WIDTH: Final = 600
CHART_HEIGHT: Final = 90


def spark(values: Sequence[float | None], beside: Sequence[float | None] = ()) -> tuple[str, str]:
    """``(line, area)`` of a sparkline over ``SPARK_WIDTH`` x ``SPARK_HEIGHT``, starting at zero.

    A slot without a value counts as zero. Fewer than two points draw nothing. ``beside`` are values that are drawn on
    the same scale.
    """
    if len(values) < 2:
        return "", ""
    points = [value or 0.0 for value in values]
    top = max(*points, *(value or 0.0 for value in beside)) or 1.0
    step = SPARK_WIDTH / (len(points) - 1)
    floor = SPARK_HEIGHT - 1
    line = "L".join(f"{at * step:.1f} {floor - value / top * (floor - 2):.1f}" for at, value in enumerate(points))
    return f"M{line}", f"M0 {floor}L{line}L{SPARK_WIDTH} {floor}Z"


def threshold_chart(
    times: Sequence[int],
    values: Sequence[float | None],
    threshold: float,
    mark_us: int,
    most_possible: float = math.inf,
) -> dict[str, Any] | None:
    """A line over ``CHART_WIDTH`` x ``CHART_HEIGHT`` with a level and an upright mark; None with fewer than two values.

    ``line`` leaves gaps where values are missing, ``low`` and ``high`` are what the bottom and the top stand for; there
    is no room above ``most_possible``, which is 1 for shares.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    least, most = min(*known, threshold), max(*known, threshold)
    room = (most - least or abs(most) or 1.0) * 0.12
    low, high = max(least - room, 0.0), max(most, min(most + room, most_possible))
    span = max(times[-1] - times[0], 1)

    def x(us: int) -> float:
        return round(min(max((us - times[0]) / span, 0.0), 1.0) * CHART_WIDTH, 1)

    def y(value: float) -> float:
        return round(CHART_HEIGHT - (value - low) / (high - low or 1.0) * CHART_HEIGHT, 1)

    path, pen = [], "M"
    for us, value in zip(times, values, strict=True):
        if value is None:
            pen = "M"
            continue
        path.append(f"{pen}{x(us)} {y(value)}")
        pen = "L"
    drawn = {"line": "".join(path), "level": y(threshold), "mark": x(mark_us)}
    return {**drawn, "low": low, "high": high, "from_us": times[0], "to_us": times[-1]}


def smooth(points: Sequence[tuple[float, float]]) -> str:
    """A curve through ``points`` that leaves and enters each of them horizontally."""
    x, y = points[0]
    path = [f"M{x:.1f} {y:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        if y0 == y1:
            path.append(f"L{x1:.1f} {y1:.1f}")
        else:
            middle = (x0 + x1) / 2
            path.append(f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
    return "".join(path)
