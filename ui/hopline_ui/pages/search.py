"""Search: a form that mirrors the query API, results, and the scatter of time and duration."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_query.errors import QueryError
from hopline_query.exports.table import safe
from hopline_ui import fmt
from hopline_ui.frame import Frame
from hopline_ui.pages import leads
from hopline_ui.pages.site import Site, range_params, ranged, window_of
from hopline_ui.palette import colours
from hopline_ui.security import HEADERS
from hopline_ui.service import Answer

FIELDS: Final = (
    "uid",
    "service",
    "operation",
    "caller",
    "callee",
    "filter",
    "entry",
    "errors",
    "unfinished",
    "min_duration",
    "max_duration",
    "min_span_duration",
    "max_span_duration",
    "min_spans",
    "entry",
    "error_type",
    "instance",
    "load_test",
    *("version", "cause", "traces", "having", "shape", "repeat", "structure"),
)
"""Parameters of the search besides range, order and paging."""
COLUMNS: Final = (
    *("start", "trace", "took", "after", "errors", "status", "spans", "uid"),
    *("failure", "services", "env", "id"),
)
"""Columns of the table; the first eight where nobody chose."""
USUAL: Final = 8
CSV_ROWS: Final = 1_000
TAGS: Final = 8
"""Tags that can be columns."""
ORDERS: Final = ("newest", "oldest", "longest", "shortest", "errors", "spans")
PILLS: Final = 6


def search(site: Site, request: Request) -> Response:
    """``/search``: matching traces; a mistake in the form is said beside it, and nothing is lost."""
    old = leads.jaeger_search(request)
    if old is not None:
        return old
    frame = ranged(request, "now-1h")
    asked, params = _asked(frame)
    values: dict[str, Any] = {
        "section": "search",
        "asked": {name: asked.get(name, "") for name in FIELDS},
        "asked_uid": asked.get("uid", ""),
        "orders": ORDERS,
        "view": "table" if frame.params.get("view") == "table" else "cards",
        "columns": columns(frame),
        "all_columns": COLUMNS,
        "tags": tags(frame),
        "order_by": params.get("order_by", "newest"),
        "address": str(request.base_url).rstrip("/"),
        "services": _names(site, frame),
        "operations": _operations(site, frame, asked.get("service", "")),
        "envs": site.service.envs()["envs"],
    }
    try:
        found = site.service.search(params)
        points = site.service.points({name: value for name, value in params.items() if name != "tags"})
    except QueryError as error:
        if error.status != 400 or error.field in {"from", "to"}:
            raise
        empty: dict[str, Any] = {
            "found": None,
            "rows": [],
            "points": None,
            "problem": error,
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
        "counted": calls_counted(site, frame, asked),
        "problem": None,
        "widest": widest,
        "drops": relaxations(asked),
    }
    return site.page(request, frame, "search.html", values)


def _asked(frame: Frame) -> tuple[dict[str, str], dict[str, str]]:
    """The fields of the form that are filled, and all that is asked of the query service."""
    asked = {name: value for name in FIELDS if (value := frame.params.get(name, "").strip())}
    params = {**asked, **range_params(frame)}
    params |= {name: given for name in ("order_by", "limit", "cursor") if (given := frame.params.get(name))}
    if chosen := tags(frame):
        params["tags"] = ",".join(chosen)
    return asked, params


def tags(frame: Frame) -> list[str]:
    """Tags that are columns of the table, as ``tags=`` names them: commas between, each once, at most :data:`TAGS`."""
    named = (key.strip() for key in frame.params.get("tags", "").split(","))
    return list(dict.fromkeys(key for key in named if key))[:TAGS]


COUNTED: Final = ({"service", "operation", "entry", "errors"}, {"caller", "callee", "errors"})
"""Fields of a search that a figure's link has: of entry calls, or of an edge."""


def calls_counted(site: Site, frame: Frame, asked: dict[str, str]) -> int | None:
    """How many calls a figure that led here counts, where the search is a figure's; else None."""
    names = set(asked)
    if "entry" in names and "service" in names and names <= COUNTED[0]:
        only: dict[str, str] = {name: asked[name] for name in ("service", "operation") if name in asked}
        found = site.service.stats(range_params(frame) | only)["services"]
    elif {"caller", "callee"} <= names <= COUNTED[1]:
        asked_map = {**range_params(frame), "focus": asked["callee"], "depth_in": "1", "depth_out": "0"}
        edges = site.service.dependencies(asked_map)["edges"]
        found = [e for e in edges if (e["caller"], e["callee"]) == (asked["caller"], asked["callee"])]
    else:
        return None
    return sum(int(entry["errors" if "errors" in names else "calls"]) for entry in found)


def columns(frame: Frame) -> list[str]:
    """The table's columns in their own order: those chosen, or the usual ones."""
    chosen = {value for key, value in frame.query if key == "cols"}
    return [name for name in COLUMNS if name in chosen] or list(COLUMNS[:USUAL])


def as_csv(site: Site, request: Request) -> Response:
    """``/search.csv``: the same search as a file, up to :data:`CSV_ROWS` traces."""
    frame = ranged(request, "now-1h")
    _, params = _asked(frame)
    found = site.service.search({**params, "limit": str(CSV_ROWS)})["traces"]
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="hopline-traces.csv"'}
    return Response(table(found, tags(frame)), media_type="text/csv; charset=utf-8", headers=headers)


def table(traces: list[Answer], keys: Sequence[str] = ()) -> str:
    """Traces as comma-separated values, with columns for tags; no text is taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = ("trace_id", "start_us", "duration_us", "extent_us", "service", "name", "status", "spans", "errors")
    writer.writerow([*names, "uid", "env", "error_type", "error_text", *map(safe, keys)])
    for trace in traces:
        failure = trace["failure"] or {}
        uid = next(iter(trace["uids"]), "")
        told = trace.get("tags") or {}
        texts = (uid, trace["env"], failure.get("error_type"), failure.get("error_text"), *map(told.get, keys))
        writer.writerow([safe(trace.get(name)) for name in names] + [safe(text) for text in texts])
    return out.getvalue()


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
