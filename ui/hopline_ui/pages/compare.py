"""Two traces side by side, matched by service and name along their paths."""

from statistics import median_low
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_query.errors import NotFoundError
from hopline_ui.frame import Frame, frame_of
from hopline_ui.pages.site import Site
from hopline_ui.palette import colours
from hopline_ui.service import Answer

TYPICAL: Final = "typical"
"""Instead of an id: a trace of the same operation that took about as long as half of them."""
AROUND_US: Final = 1_800_000_000
LOOKED_AT: Final = 100
SORTS: Final = ("difference", "tree")


def compare(site: Site, request: Request) -> Response:
    """``/compare?a=&b=``, or ``?t=&t=`` as ticked in a list; without two ids it is the form that asks for them."""
    frame = frame_of(request, "")
    a, b = _ids(frame)
    sort = frame.params.get("sort", "difference")
    values: dict[str, Any] = {"section": "compare", "ranged": False, "a": a, "b": b, "answer": None, "sorts": SORTS}
    if a and b:
        other = typical(site, a) if b == TYPICAL else b
        answer = site.service.compare(a, other)
        services = {entry["service"] for side in ("a", "b") for entry in answer[side]["services"]}
        rows = bars(answer)
        by_own = sorted(rows, key=lambda row: -abs(row["own_us"])) if sort != "tree" else rows
        values |= {
            "a": answer["a"]["trace_id"],
            "b": answer["b"]["trace_id"],
            "answer": answer,
            "rows": by_own,
            "sort": sort if sort in SORTS else SORTS[0],
            "reason": reason(answer, rows),
            "palette": colours(services),
        }
    return site.page(request, frame, "compare.html", values)


def _ids(frame: Frame) -> tuple[str, str]:
    ticked = [value.strip() for key, value in frame.query if key == "t"]
    a, b = (frame.params.get(side, "").strip() for side in ("a", "b"))
    return (ticked[0], ticked[1]) if len(ticked) > 1 else (a or (ticked[0] if ticked else ""), b)


def typical(site: Site, trace_id: str) -> str:
    """A trace of the same entry operation that succeeded and took the median of those around it.

    Raises :class:`NotFoundError` where the trace has no root, or no other of its operation is there.
    """
    head = site.service.trace(trace_id, {"shape": "timeline", "limit": "1"})
    if head["service"] and head["name"]:
        asked = {
            "service": head["service"],
            "operation": head["name"],
            "from": str(max(head["start_us"] - AROUND_US, 0)),
            "to": str(head["start_us"] + AROUND_US),
            "limit": str(LOOKED_AT),
        }
        found = site.service.search(asked)["traces"]
        usable = [t for t in found if t["trace_id"] != head["trace_id"] and not t["errors"] and t["duration_us"]]
        same = [t for t in usable if (t["service"], t["name"]) == (head["service"], head["name"])] or usable
        if same:
            middle = median_low(t["duration_us"] for t in same)
            return next(str(t["trace_id"]) for t in same if t["duration_us"] == middle)
    raise NotFoundError("no other trace of this operation is there to compare with", field="b")


def bars(answer: Answer) -> list[dict[str, Any]]:
    """Rows with both durations as shares of the longest, and by how much B's own time is longer."""
    sides = [row[side] for row in answer["rows"] for side in ("a", "b") if row[side]]
    longest = max((side["duration_us"] for side in sides), default=0) or 1
    return [
        {
            **row,
            "own_us": _own(row["b"]) - _own(row["a"]),
            **{f"{side}_part": (row[side]["duration_us"] / longest if row[side] else 0.0) for side in ("a", "b")},
        }
        for row in answer["rows"]
    ]


def _own(side: Answer | None) -> int:
    return int(side["self_us"]) if side else 0


def reason(answer: Answer, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The difference in one sentence: by how much B took longer, the call that explains most of it, calls apart."""
    whole = answer["b"]["duration_us"] - answer["a"]["duration_us"]
    towards = [row for row in rows if row["own_us"] * whole > 0]
    most = max(towards, key=lambda row: abs(row["own_us"]), default=None)
    only = {side: sum(row["status"] == side for row in rows) for side in ("a", "b")}
    return {"whole_us": whole, "most": most, "only_a": only["a"], "only_b": only["b"]}
