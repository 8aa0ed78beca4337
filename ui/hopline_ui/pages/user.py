"""A user's page: their traces newest first, per day, with what failed."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hopline_ui.pages.search import rows
from hopline_ui.pages.site import Site, ranged, window_of
from hopline_ui.palette import colours
from hopline_ui.security import HEADERS
from hopline_ui.service import Answer


def user(site: Site, request: Request) -> Response:
    """``/users/{uid}`` and ``/users?uid=``: by default over the whole retention."""
    frame = ranged(request, "")
    uid = str(request.path_params.get("uid") or frame.params.get("uid", ""))
    if not uid.strip():
        return RedirectResponse(frame.link("/search"), 303, headers=HEADERS)
    keys = ("from", "to", "env", "errors", "cursor", "load_test")
    answer = site.service.user(uid, {key: value for key in keys if (value := frame.params.get(key))})
    values: dict[str, Any] = {
        "section": "user",
        "user": answer,
        "window": window_of(answer),
        "asked_uid": answer["uid"],
        "failures": frame.params.get("errors") == "true",
        "rows": rows(answer["traces"]),
        "days": days(answer["days"]),
        "palette": colours(s["service"] for trace in answer["traces"] for s in trace["services"]),
    }
    return site.page(request, frame, "user.html", values)


def days(entries: list[Answer]) -> list[dict[str, Any]]:
    """Per-day counts with their shares of the busiest day, oldest first."""
    busiest = max((entry["traces"] for entry in entries), default=0) or 1
    ordered = sorted(entries, key=lambda entry: int(entry["day_us"]))
    return [
        {**e, "part": e["traces"] / busiest, "bad": e["errors"] / busiest, "next_us": e["day_us"] + 86_400_000_000}
        for e in ordered
    ]
