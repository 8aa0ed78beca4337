"""Two traces side by side, matched by service and name along their paths."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hopline_ui.frame import frame_of
from hopline_ui.pages.site import Site
from hopline_ui.palette import colours
from hopline_ui.service import Answer


def compare(site: Site, request: Request) -> Response:
    """``/compare?a=&b=``; without both ids it is the form that asks for them."""
    frame = frame_of(request, "")
    a, b = (frame.params.get(side, "").strip() for side in ("a", "b"))
    values: dict[str, Any] = {"section": "compare", "ranged": False, "a": a, "b": b, "answer": None}
    if a and b:
        answer = site.service.compare(a, b)
        services = {entry["service"] for side in ("a", "b") for entry in answer[side]["services"]}
        values |= {"answer": answer, "rows": bars(answer), "palette": colours(services)}
    return site.page(request, frame, "compare.html", values)


def bars(answer: Answer) -> list[dict[str, Any]]:
    """Rows with both durations as shares of the longest."""
    sides = [row[side] for row in answer["rows"] for side in ("a", "b") if row[side]]
    longest = max((side["duration_us"] for side in sides), default=0) or 1
    return [
        {**row, **{f"{side}_part": (row[side]["duration_us"] / longest if row[side] else 0.0) for side in ("a", "b")}}
        for row in answer["rows"]
    ]
