"""A service's page: rate, errors and latency over time, operations, instances, callers and callees."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_query.errors import NotFoundError
from hopline_ui.pages.home import COLUMNS
from hopline_ui.pages.site import Site, range_params, ranged, window_of
from hopline_ui.pages.sorting import ordered
from hopline_ui.service import Answer

CHARTED: Final = ("qps", "error_rate", "avg_us", "p50_us", "p95_us", "p99_us", "p999_us")


def service(site: Site, request: Request) -> Response:
    """``/service/{name}``; ``operation=`` narrows every figure to one operation; 404 for a name never seen."""
    frame = ranged(request, "now-1h")
    name = str(request.path_params["name"])
    operation = frame.params.get("operation", "")
    params = {**range_params(frame), "service": name, **({"operation": operation} if operation else {})}
    totals = site.service.stats(params)
    if not totals["services"] and name not in {e["service"] for e in site.service.services()["services"]}:
        raise NotFoundError(f"no service {name!r} was seen", field="service")
    only = {**range_params(frame), "service": name}
    operations = site.service.stats({**only, "group": "operation", "limit": "200"})["services"]
    graph = site.service.dependencies({**range_params(frame), "focus": name, "depth_in": "1", "depth_out": "1"})
    sort = frame.params.get("sort", "impact")
    values = {
        "section": "services",
        "can_live": True,
        "window": window_of(totals),
        "name": name,
        "operation": operation,
        "totals": totals,
        "figures": totals["services"][0] if totals["services"] else None,
        "chart": chart(site.service.series(params)),
        "heat": heat(site.service.heatmap({**params, "columns": "60"})),
        "operations": ordered([{**e, "service": e["operation"]} for e in operations], sort, COLUMNS),
        "sort": sort,
        "instances": site.service.instances(only)["instances"],
        "errors": site.service.errors({**params, "limit": "8"})["groups"],
        **neighbours(graph, name),
    }
    return site.page(request, frame, "service.html", values)


def chart(answer: Answer) -> dict[str, Any]:
    """Columns for the charts: times in seconds and one list per figure."""
    nothing = [None] * len(answer["times"])
    series = answer["series"][0] if answer["series"] else {}
    return {
        "times": [time / 1_000_000 for time in answer["times"]],
        "step_us": answer["step_us"],
        "versions": answer["versions"],
        **{name: series.get(name, nothing) for name in CHARTED},
    }


def heat(answer: Answer) -> dict[str, Any]:
    """What the heatmap draws, without the parts of the answer that it does not."""
    return {key: answer[key] for key in ("times", "edges_us", "cells", "max", "step_us")}


def neighbours(graph: Answer, name: str) -> dict[str, Any]:
    """Callers and callees by their share of the time spent in calls."""
    sides = {}
    for side, own, other in (("callers", "callee", "caller"), ("callees", "caller", "callee")):
        edges = [edge for edge in graph["edges"] if edge[own] == name and edge[other] != name]
        whole = sum(_time(edge) for edge in edges) or 1
        rows = [{**edge, "other": edge[other], "part": _time(edge) / whole} for edge in edges]
        sides[side] = sorted(rows, key=lambda row: (-row["part"], row["other"]))
    kinds = {node["name"]: node["kind"] for node in graph["nodes"]}
    return {**sides, "kinds": kinds}


def _time(edge: Answer) -> float:
    return float(edge["calls"] * (edge["avg_us"] or 0))
