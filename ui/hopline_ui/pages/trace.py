"""The trace page: waterfall, call tree, statistics, events, flame graph, map and JSON of one trace."""

import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_ui.frame import Frame, frame_of
from hopline_ui.pages.flame import icicle
from hopline_ui.pages.map import drawing
from hopline_ui.pages.site import Site
from hopline_ui.pages.sorting import ordered
from hopline_ui.palette import colours
from hopline_ui.service import Answer
from hopline_ui.waterfall import calls

TABS: Final = ("waterfall", "calltree", "statistics", "events", "flame", "map", "json")
FIRST_ROWS: Final = 300
"""Calls whose columns stand in the page: drawn at once by the waterfall's script, as a table where scripts are off."""
CARD_TAGS: Final = 6
"""Tags on the card beside a row's pointer."""
TABLE_ROWS: Final = 1_000
JSON_NODES: Final = 300
"""A larger trace shows its first nodes as a flat list: the whole would not be read in a page."""
JSON_LIMIT: Final = 400_000
"""Characters of JSON shown in the page; the download has all."""
DOWNLOADS: Final = ("json", "zipkin", "otlp", "chrome", "mermaid", "csv")
STATISTICS: Final = (
    "count",
    "errors",
    "total_us",
    "avg_us",
    "min_us",
    "max_us",
    "self_us",
    "self_avg_us",
    "self_share",
)
MAP_COLUMNS: Final = ("caller", "callee", "calls", "error_rate", "avg_us", "network_us")
"""Of the calls of one trace: rates and percentiles would say nothing."""
GROUPINGS: Final = ("service", "name", "kind", "instance")


def trace(site: Site, request: Request) -> Response:
    """``/trace/{id}``: one tab of the trace; a pasted spelling of the id leads to its own address."""
    frame = frame_of(request, "")
    tab = frame.params.get("tab", "waterfall")
    tab = tab if tab in TABS else "waterfall"
    view = {key: value for key in ("adjust", "root") if (value := frame.params.get(key))}
    trace_id = str(request.path_params["trace_id"])
    answer, extra = _TABS[tab](site, frame, trace_id, view)
    if "adjust" not in view and skewed(answer):
        view["adjust"] = "true"
        answer, extra = _TABS[tab](site, frame, trace_id, view)
    values = {
        "section": "trace",
        "ranged": False,
        "tab": tab,
        "tabs": TABS,
        "trace": answer,
        "palette": colours(entry["service"] for entry in answer["services"]),
        "downloads": DOWNLOADS,
        "asked_trace": answer["trace_id"],
        **extra,
    }
    return site.page(request, frame, "trace.html", values)


def skewed(answer: Answer) -> bool:
    """Whether clocks of this trace differ, so that times are shown adjusted where nobody asked for raw ones."""
    return any(warning["code"] == "outside_parent" for warning in answer["warnings"])


def node(site: Site, request: Request) -> Response:
    """``/trace/{id}/node/{key}``: the side panel alone, for the waterfall's script."""
    frame = frame_of(request, "")
    panel = _panel(site, str(request.path_params["trace_id"]), str(request.path_params["key"]), frame.params)
    return site.page(request, frame, "_node.html", {"ranged": False, "panel": panel})


def card(site: Site, request: Request) -> Response:
    """``/trace/{id}/card/{key}``: the card beside a row's pointer."""
    frame = frame_of(request, "")
    trace_id, key = str(request.path_params["trace_id"]), str(request.path_params["key"])
    panel = _panel(site, trace_id, key, frame.params)
    start = site.service.trace(trace_id, {"shape": "timeline", "limit": "1"})["start_us"]
    panel |= {
        "offset_us": panel["node"]["start_us"] - start,
        "key_tags": key_tags(panel["tags"], site.settings.tag_columns),
    }
    return site.page(request, frame, "_card.html", {"ranged": False, "panel": panel})


def key_tags(tags: list[Answer], first: tuple[str, ...]) -> list[Answer]:
    """The tags that say most in little room: those an operator chose, then others that are indexed."""
    once = {tag["key"]: tag for tag in tags}
    chosen = [once[key] for key in first if key in once]
    others = [tag for key, tag in once.items() if key not in first and tag["indexed"]]
    return (chosen + others)[:CARD_TAGS]


def _panel(site: Site, trace_id: str, key: str, params: dict[str, str]) -> Answer:
    adjust = {"adjust": params["adjust"]} if params.get("adjust") else {}
    answer = site.service.node(trace_id, key, adjust)
    rows = answer["node"]["rows"]  # the side nearest the work comes last
    row = rows[-1] if rows else {}
    return {**answer, "row": row, "log_link": _log_link(site.settings.log_link, answer["trace_id"], answer["node"])}


def _log_link(template: str, trace_id: str, found: Answer) -> str:
    """The log store's address for a node; only known placeholders are filled."""
    end = found["start_us"] + (found["duration_us"] or 0)
    facts = {"trace_id": trace_id, "span_id": found["id"] or "", "start_us": found["start_us"], "end_us": end}
    for name, value in facts.items():
        template = template.replace("{" + name + "}", str(value))
    return template


def _waterfall(site: Site, frame: Frame, trace_id: str, view: dict[str, str]) -> tuple[Answer, dict[str, Any]]:
    key = frame.params.get("span", "")
    window = {"shape": "timeline", "limit": str(FIRST_ROWS), **view}
    answer = site.service.trace(trace_id, {**window, "focus": key} if key else window)
    panel = None
    unknown = False
    if key:
        known = key in answer["columns"]["key"]
        unknown = not known
        panel = _panel(site, trace_id, key, view) if known else None
    return answer, {"rows": calls(answer), "panel": panel, "unknown_span": key if unknown else "", "timeline": answer}


def _calltree(site: Site, _frame: Frame, trace_id: str, view: dict[str, str]) -> tuple[Answer, dict[str, Any]]:
    answer = site.service.trace(trace_id, {"shape": "flat", "limit": str(TABLE_ROWS), **view})
    return answer, {"nodes": answer["nodes"]}


def _statistics(site: Site, frame: Frame, trace_id: str, view: dict[str, str]) -> tuple[Answer, dict[str, Any]]:
    by = frame.params.get("by", "service")
    sort = frame.params.get("sort", "self_us")
    answer = site.service.trace(trace_id, {"shape": "timeline", "limit": "1", **view})
    groups = ordered(
        site.service.statistics(trace_id, {"by": by, **_clock(view)})["groups"], sort, STATISTICS, name="value"
    )
    columns = {"groups": groups, "columns": STATISTICS, "sort": sort}
    return answer, {**columns, "by": by, "groupings": GROUPINGS}


def _events(site: Site, _frame: Frame, trace_id: str, view: dict[str, str]) -> tuple[Answer, dict[str, Any]]:
    answer = site.service.trace(trace_id, {"shape": "timeline", "limit": "1", **view})
    return answer, {"events": site.service.events(trace_id, _clock(view))}


def _clock(view: dict[str, str]) -> dict[str, str]:
    """The part of a view that says which times are shown."""
    return {"adjust": view["adjust"]} if "adjust" in view else {}


def _flame(site: Site, _frame: Frame, trace_id: str, view: dict[str, str]) -> tuple[Answer, dict[str, Any]]:
    answer = site.service.trace(trace_id, {"shape": "timeline", **view})
    return answer, {"flame": icicle(answer)}


def _map(site: Site, frame: Frame, trace_id: str, view: dict[str, str]) -> tuple[Answer, dict[str, Any]]:
    answer = site.service.trace(trace_id, {"shape": "timeline", "limit": "1", **view})
    graph = site.service.dependencies({"trace_id": answer["trace_id"]})
    sort = frame.params.get("sort", "calls")
    edges = ordered(graph["edges"], sort, MAP_COLUMNS, name="callee" if sort.endswith("callee") else "caller")
    drawn = drawing(graph, site.settings, single=True)
    return answer, {"graph": graph, "drawing": drawn, "edges": edges, "columns": MAP_COLUMNS, "sort": sort}


def _json(site: Site, _frame: Frame, trace_id: str, view: dict[str, str]) -> tuple[Answer, dict[str, Any]]:
    answer = site.service.trace(trace_id, {"shape": "flat", "limit": str(JSON_NODES), **view})
    if answer["window"]["total"] <= JSON_NODES:
        answer = site.service.trace(trace_id, {"shape": "tree", **view})
    text = json.dumps(answer, ensure_ascii=False, indent=2)
    cut = len(text) > JSON_LIMIT or answer["window"]["total"] > JSON_NODES
    return answer, {"json_text": text[:JSON_LIMIT], "json_cut": cut}


_TABS: Final = {
    "waterfall": _waterfall,
    "calltree": _calltree,
    "statistics": _statistics,
    "events": _events,
    "flame": _flame,
    "map": _map,
    "json": _json,
}
