"""Where the figures of edges stand on a map: on their own lines, off those of others as far as there is room.

A place follows the drawing alone, never the figures: a refresh with other numbers moves no label.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from hopline_ui.map_layout import Route

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

WIDTH: Final = 84
"""Room for the longest figures, such as ``1,204/s · 12.5 ms``; what is longer is hidden where it covers another."""
HEIGHT: Final = 14
ABOVE: Final = 16
"""A label's top lies so far above its point: beside a level line, and over a steep one."""
EDGE: Final = 3
"""Between a label and the boxes beside it."""
STEPS: Final = (0.5, 0.6, 0.4, 0.7, 0.3, 0.8, 0.2)
"""Where along a stretch a place is looked for, the middle first."""
STRETCHES: Final = 3
"""Stretches between ranks in which a place is looked for, from the callee on."""
CELL: Final = 7
"""Lines are looked up by squares of this side."""
MOST: Final = 120
"""Edges up to which room is looked for: more of them leave none, and labels only stand one below the other."""


def label_places(routes: Sequence[Route]) -> list[Point]:
    """A point for the label of each route; a loop's is over it."""
    found = iter(places([route.points for route in routes if not route.loop]))
    return [_over(route.points) if route.loop else next(found) for route in routes]


def _over(loop: Sequence[Point]) -> Point:
    (x0, y), (x1, _) = loop
    return (x0 + x1) / 2, y - 22


def places(routes: Sequence[Sequence[Point]]) -> list[Point]:
    """The same for the points of routes from border to border, of which every second stretch is a curve."""
    lines = _Lines(routes) if len(routes) <= MOST else None
    found: list[Point] = [(0.0, 0.0)] * len(routes)
    taken = _Taken()
    for at in sorted(range(len(routes)), key=lambda at: (next(_candidates(routes[at]))[1], routes[at])):
        point = taken.below(_best(at, routes[at], lines, taken))
        taken.add(point)
        found[at] = (round(point[0], 1), round(point[1], 1))
    return found


def _best(at: int, route: Sequence[Point], lines: "_Lines | None", taken: "_Taken") -> Point:
    """The first place of fewest foreign lines that no label covers, or the first place of all."""
    first = next(_candidates(route))
    if lines is None:
        return first
    least, best = len(route) + MOST, first
    for point in _candidates(route):
        if taken.covering(point) is None and (met := lines.others(at, box_of(point))) < least:
            least, best = met, point
        if not least:
            break
    return best


def box_of(point: Point) -> Box:
    """The room of the label at a point."""
    x, y = point
    return x - WIDTH / 2, y - ABOVE, x + WIDTH / 2, y - ABOVE + HEIGHT


def _stretches(route: Sequence[Point]) -> list[tuple[Point, Point]]:
    """The curves between ranks, from the callee on; between them the route runs level through a rank."""
    return list(pairwise(route))[::2][::-1]


def _candidates(route: Sequence[Point]) -> Iterator[Point]:
    for start, end in _stretches(route)[:STRETCHES]:
        low, high = sorted((start[0], end[0]))
        half = WIDTH / 2 + EDGE
        for step in STEPS:
            x, y = _curve(start, end, step)
            yield (min(max(x, low + half), high - half) if high - low >= 2 * half else (low + high) / 2), y


def _curve(start: Point, end: Point, t: float) -> Point:
    """A point of the curve that leaves and enters horizontally (`drawing.smooth`)."""
    (x0, y0), (x1, y1) = start, end
    bend = 3 * t * (1 - t)
    middle = (x0 + x1) / 2
    x = x0 * (1 - t) ** 3 + middle * bend + x1 * t**3
    return x, y0 + (y1 - y0) * t * t * (3 - 2 * t)


class _Taken:
    """Where labels stand already, by bands of one label's height."""

    def __init__(self) -> None:
        self._bands: dict[int, list[Box]] = {}

    def add(self, point: Point) -> None:
        for band in self._of(box := box_of(point)):
            self._bands.setdefault(band, []).append(box)

    def covering(self, point: Point) -> Box | None:
        """A label that a label at `point` would cover."""
        left, top, right, bottom = box = box_of(point)
        near = (other for band in self._of(box) for other in self._bands.get(band, ()))
        return next((o for o in near if left < o[2] and o[0] < right and top < o[3] and o[1] < bottom), None)

    def below(self, point: Point) -> Point:
        """The point, or the next one below it where no label stands."""
        x, y = point
        while (other := self.covering((x, y))) is not None:
            y = other[3] + ABOVE
        return x, y

    @staticmethod
    def _of(box: Box) -> range:
        return range(int(box[1] // HEIGHT), int(box[3] // HEIGHT) + 1)


class _Lines:
    """Which routes run through which squares."""

    def __init__(self, routes: Sequence[Sequence[Point]]) -> None:
        self._cells: dict[tuple[int, int], set[int]] = {}
        for at, route in enumerate(routes):
            for start, end in _stretches(route):
                count = max(12, int((abs(end[0] - start[0]) + 1.5 * abs(end[1] - start[1])) / CELL) + 1)
                for step in range(count + 1):
                    x, y = _curve(start, end, step / count)
                    self._cells.setdefault((int(x // CELL), int(y // CELL)), set()).add(at)

    def others(self, own: int, box: Box) -> int:
        """How many routes but `own` run through a box."""
        left, top, right, bottom = (int(side // CELL) for side in box)
        met: set[int] = set()
        for x in range(left, right + 1):
            for y in range(top, bottom + 1):
                met |= self._cells.get((x, y), frozenset())
        return len(met - {own})
