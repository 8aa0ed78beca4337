"""Figures of edges stand on their own lines, never over each other, and off others' as far as there is room (U6)."""

import random

import pytest

from hopline_ui.map_labels import box_of, places
from hopline_ui.map_layout import Layout, Route, lay_out

Point = tuple[float, float]


def layouts(seed: int, services: int = 12, calls: int = 20) -> Layout:
    pick = random.Random(seed)
    pairs = [sorted(pick.sample(range(services), 2)) for _ in range(calls)]
    return lay_out([], {(f"s{caller}", f"s{callee}") for caller, callee in pairs})


def curves(route: Route) -> list[Point]:
    """Many points of a route's curves between ranks, as they are drawn: x and y of a cubic Bezier curve."""
    found = []
    for (x0, y0), (x1, y1) in zip(route.points[::2], route.points[1::2], strict=True):
        middle = (x0 + x1) / 2
        for step in range(101):
            t = step / 100
            parts = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
            found.append(
                (
                    sum(a * b for a, b in zip(parts, (x0, middle, middle, x1), strict=True)),
                    sum(a * b for a, b in zip(parts, (y0, y0, y1, y1), strict=True)),
                )
            )
    return found


def crossed(routes: tuple[Route, ...], labels: list[Point]) -> int:
    """How often a label covers the line of another edge."""
    drawn = [curves(route) for route in routes]
    return sum(
        any(left <= x <= right and top <= y <= bottom for x, y in line)
        for at, (left, top, right, bottom) in enumerate(map(box_of, labels))
        for other, line in enumerate(drawn)
        if other != at
    )


def test_labels_leave_other_lines_alone_where_there_is_room():
    """They cover far fewer than in the middle of their lines: a third less over random maps of a dozen services."""
    found = usual = 0
    for seed in range(12):
        routes = layouts(seed).routes
        middles = [((x0 + x1) / 2, (y0 + y1) / 2) for route in routes for (x0, y0), (x1, y1) in [route.points[-2:]]]
        found += crossed(routes, places([route.points for route in routes]))
        usual += crossed(routes, middles)
    assert 0 < found < usual * 2 / 3


@pytest.mark.parametrize(("services", "calls"), [(12, 20), (20, 60), (60, 200)])
def test_no_label_covers_another(services: int, calls: int):
    """Whatever the map: where no place along the line is free, the label stands below the others."""
    boxes = [box_of(point) for point in places([route.points for route in layouts(5, services, calls).routes])]
    for at, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[at + 1 :]:
            apart = right <= other[0] or other[2] <= left or bottom <= other[1] + 0.2 or other[3] <= top + 0.2
            assert apart, (boxes[at], other)


def test_labels_stand_between_ranks():
    """A label covers no box: it stays between the ranks that its line runs between."""
    layout = layouts(7)
    for left, _, right, _ in map(box_of, places([route.points for route in layout.routes])):
        assert not [place for place in layout.places if left < place.x + 168 and place.x < right]


def test_places_follow_the_drawing_alone():
    """The same edges in any order have the same labels, also more of them than room is looked for."""
    for routes in (layouts(3).routes, layouts(4, 60, 200).routes):
        points = [route.points for route in routes]
        mixed = random.Random(1).sample(points, len(points))
        assert dict(zip(points, places(points), strict=True)) == dict(zip(mixed, places(mixed), strict=True))
