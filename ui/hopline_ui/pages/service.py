"""A service's page: rate, errors and latency over time, operations, instances, callers and callees."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_query.errors import NotFoundError
from hopline_ui.frame import AGAINST, Frame
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
    series = site.service.series(params)
    instances = site.service.instances(only)["instances"]
    sort = frame.params.get("sort", "impact")
    values = {
        "section": "services",
        "can_live": True,
        "window": window_of(totals),
        "name": name,
        "operation": operation,
        "totals": totals,
        "figures": totals["services"][0] if totals["services"] else None,
        "can_compare": True,
        "chart": {
            **chart(series, *earlier(site, frame, params, (series["from_us"], series["to_us"]))),
            "levels": {"errors": [site.settings.warn_error_rate, site.settings.bad_error_rate]},
        },
        "heat": heat(site.service.heatmap({**params, "columns": "60"})),
        "operations": ordered([{**e, "service": e["operation"]} for e in operations], sort, COLUMNS),
        "sort": sort,
        "versions": versions(instances),
        "instances": instances,
        "errors": site.service.errors({**params, "limit": "8"})["groups"],
        **neighbours(graph, name),
    }
    return site.page(request, frame, "service.html", values)


def chart(answer: Answer, before: Answer | None = None, back_us: int = 0) -> dict[str, Any]:
    """Columns for the charts: times in seconds and one list per figure.

    A slot that is still filling would be drawn as a drop: ``filling`` has its values with the one before it, to be
    drawn dashed. ``before`` is the same answer ``back_us`` earlier, moved to these times as ``ghost``.
    """
    nothing = [None] * len(answer["times"])
    series = answer["series"][0] if answer["series"] else {}
    values = {name: series.get(name, nothing) for name in CHARTED}
    filling = answer["filling"]
    return {
        "times": _seconds(answer["times"]),
        "step_us": answer["step_us"],
        "versions": answer["versions"],
        "filling": {name: _dashed(values[name], filling) for name in CHARTED},
        "ghost": _ghost(before, back_us) if before else None,
        **{name: [None if f else v for v, f in zip(values[name], filling, strict=True)] for name in CHARTED},
    }


def _seconds(times: list[int], moved_us: int = 0) -> list[float]:
    return [(time + moved_us) / 1_000_000 for time in times]


def _dashed(values: list[Any], filling: list[bool]) -> list[Any]:
    """Values of slots that are filling and of the slot before each."""
    near = [*filling[1:], False]
    return [v if now or soon else None for v, now, soon in zip(values, filling, near, strict=True)]


def _ghost(before: Answer, back_us: int) -> dict[str, Any] | None:
    if not before["series"]:
        return None
    series = before["series"][0]
    return {"times": _seconds(before["times"], back_us), **{name: series[name] for name in CHARTED}}


def earlier(site: Site, frame: Frame, params: dict[str, str], shown: tuple[int, int]) -> tuple[Answer | None, int]:
    """The series of the period that figures are drawn against, and how far back it lies."""
    if not frame.against:
        return None, 0
    back = AGAINST[frame.against]
    range_ = {"from": str(max(shown[0] - back, 0)), "to": str(max(shown[1] - back, 1))}
    return site.service.series({**params, **range_}), back


def versions(instances: list[Answer]) -> list[dict[str, Any]]:
    """Calls, failures and average by version, of its processes together; percentiles of several cannot be told."""
    found: dict[str, dict[str, Any]] = {}
    for entry in instances:
        nothing = {"version": entry["version"] or "", "calls": 0, "errors": 0, "qps": 0.0, "time": 0.0}
        sums = found.setdefault(entry["version"] or "", nothing)
        calls = entry["calls"] or 0
        sums["calls"] += calls
        sums["errors"] += entry["errors"] or 0
        sums["qps"] += entry["qps"] or 0.0
        sums["time"] += calls * (entry["avg_us"] or 0.0)
    return [
        {
            **sums,
            "success_rate": 1 - sums["errors"] / sums["calls"] if sums["calls"] else None,
            "avg_us": sums["time"] / sums["calls"] if sums["calls"] else None,
        }
        for _, sums in sorted(found.items())
    ]


def heat(answer: Answer) -> dict[str, Any]:
    """What the heatmap draws, without the parts of the answer that it does not."""
    return {key: answer[key] for key in ("times", "edges_us", "cells", "max", "step_us", "to_us", "unserved")}


def neighbours(graph: Answer, name: str) -> dict[str, Any]:
    """Callers and callees by their share of the time spent in calls, with the rates of the map."""
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
