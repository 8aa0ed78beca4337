"""Small drawings as SVG path data: sparklines, edges of the map."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

SPARK_WIDTH: Final = 96
SPARK_HEIGHT: Final = 22


def spark(values: Sequence[float | None]) -> tuple[str, str]:
    """``(line, area)`` of a sparkline over ``SPARK_WIDTH`` x ``SPARK_HEIGHT``, starting at zero.

    A slot without a value counts as zero. Fewer than two points draw nothing.
    """
    if len(values) < 2:
        return "", ""
    points = [value or 0.0 for value in values]
    top = max(points) or 1.0
    step = SPARK_WIDTH / (len(points) - 1)
    floor = SPARK_HEIGHT - 1
    line = "L".join(f"{at * step:.1f} {floor - value / top * (floor - 2):.1f}" for at, value in enumerate(points))
    return f"M{line}", f"M0 {floor}L{line}L{SPARK_WIDTH} {floor}Z"


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
