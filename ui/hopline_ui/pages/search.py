"""Search: a form that mirrors the query API, results, and the scatter of time and duration."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_query.errors import QueryError
from hopline_ui import fmt
from hopline_ui.frame import Frame
from hopline_ui.pages.site import Site, ranged, window_of
from hopline_ui.palette import colours
from hopline_ui.service import Answer

FIELDS: Final = (
    "uid",
    "service",
    "operation",
    "caller",
    "callee",
    "filter",
    "errors",
    "unfinished",
    "min_duration",
    "max_duration",
    "min_span_duration",
    "max_span_duration",
    "min_spans",
    "error_type",
    "instance",
    "load_test",
)
"""Parameters of the search besides range, order and paging."""
ORDERS: Final = ("newest", "oldest", "longest", "shortest", "errors", "spans")
PILLS: Final = 6


def search(site: Site, request: Request) -> Response:
    """``/search``: matching traces; a mistake in the form is said beside it, and nothing is lost."""
    frame = ranged(request, "now-1h")
    asked = {name: value for name in FIELDS if (value := frame.params.get(name, "").strip())}
    params = {**asked, "from": frame.since, "to": frame.until, "env": frame.env}
    for name in ("order_by", "limit", "cursor"):
        if frame.params.get(name):
            params[name] = frame.params[name]
    params = {key: value for key, value in params.items() if value}
    values: dict[str, Any] = {
        "section": "search",
        "asked": {name: asked.get(name, "") for name in FIELDS},
        "asked_uid": asked.get("uid", ""),
        "orders": ORDERS,
        "order_by": params.get("order_by", "newest"),
        "address": str(request.base_url).rstrip("/"),
        "services": _names(site, frame),
        "operations": _operations(site, frame, asked.get("service", "")),
        "envs": site.service.envs()["envs"],
    }
    try:
        found = site.service.search(params)
        points = site.service.points(params)
    except QueryError as error:
        if error.status != 400:
            raise
        problem = {"message": error.message, "field": error.field, "column": error.column}
        empty: dict[str, Any] = {
            "found": None,
            "rows": [],
            "points": None,
            "problem": problem,
            "widest": None,
            "window": None,
        }
        return site.page(request, frame, "search.html", {**values, **empty}, status=400)
    widest = site.service.range() if not found["traces"] else None
    values |= {
        "found": found,
        "window": window_of(found),
        "rows": rows(found["traces"], relative=found["order_by"] != "shortest"),
        "palette": colours(s["service"] for trace in found["traces"] for s in trace["services"]),
        "points": points,
        "problem": None,
        "widest": widest,
        "drops": relaxations(asked),
    }
    return site.page(request, frame, "search.html", values)


def rows(traces: list[Answer], *, relative: bool = True) -> list[dict[str, Any]]:
    """Summaries with their bar's share of the longest and their first service pills."""
    longest = max((trace["duration_us"] or 0 for trace in traces), default=0) or 1
    return [
        {
            **trace,
            "part": (trace["duration_us"] or 0) / longest if relative else 1.0,
            "duration": fmt.duration(trace["duration_us"]),
            "pills": trace["services"][:PILLS],
            "more": max(0, len(trace["services"]) - PILLS),
        }
        for trace in traces
    ]


def relaxations(asked: dict[str, str]) -> list[str]:
    """Up to three fields worth leaving out when nothing matched, the narrowest first."""
    narrow = (
        "filter",
        "min_duration",
        "max_duration",
        "min_span_duration",
        "operation",
        "errors",
        "error_type",
        "uid",
        "service",
    )
    return [name for name in narrow if name in asked][:3]


def _names(site: Site, frame: Frame) -> list[str]:
    answer = site.service.services({"from": frame.since, "to": frame.until} if not frame.until else {})
    return [entry["service"] for entry in answer["services"]]


def _operations(site: Site, _frame: Frame, service: str) -> list[str]:
    if not service:
        return []
    return [entry["name"] for entry in site.service.operations({"service": service})["operations"]]
