"""The dependency map: a drawing with figures on nodes and edges, and its table twin."""

import math
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_ui import fmt
from hopline_ui.drawing import smooth
from hopline_ui.map_layout import NODE_HEIGHT, NODE_WIDTH, Route, lay_out
from hopline_ui.pages.site import Site, range_params, ranged, window_of
from hopline_ui.security import HEADERS
from hopline_ui.service import Answer
from hopline_ui.settings import UiSettings

KINDS: Final = ("db", "mq", "cache", "external", "user")
"""Kinds of nodes that can be hidden; services always stand."""
PASSED: Final = ("focus", "depth_in", "depth_out", "min_calls", "hide", "uid", "filter", "load_test", "self_calls")
RING: Final = 2 * math.pi * 11
"""Length of the ring around a node's mark."""
LABEL_HEIGHT: Final = 15
LETTERS: Final = 17
"""Letters of a name that fit a box; the rest is in its title."""


def page(site: Site, request: Request) -> Response:
    """``/map``: refreshed in place; nodes never move while the graph stays the same."""
    frame = ranged(request)
    params = {**range_params(frame), **{k: v for k in PASSED if (v := frame.params.get(k))}}
    graph = site.service.dependencies(params)
    crowded = len(graph["nodes"]) > site.settings.map_nodes and not params.get("focus")
    chosen = frame.params.get("node", "")
    values = {
        "section": "map",
        "can_live": True,
        "window": window_of(graph),
        "graph": graph,
        "drawing": None if crowded else drawing(graph, site.settings),
        "crowded": crowded,
        "panel": panel(graph, chosen) if chosen else None,
        "chosen": chosen,
        "hidden_kinds": [kind for kind in params.get("hide", "").split(",") if kind],
        "kinds": KINDS,
        "address": str(request.base_url).rstrip("/"),
    }
    return site.page(request, frame, "map.html", values)


def svg(site: Site, request: Request) -> Response:
    """``/map.svg``: the drawing alone as a file, with its colours inside."""
    frame = ranged(request)
    params = {**range_params(frame), **{k: v for k in PASSED if (v := frame.params.get(k))}}
    graph = site.service.dependencies(params)
    answer = site.page(request, frame, "map_file.svg", {"ranged": False, "drawing": drawing(graph, site.settings)})
    disposition = 'attachment; filename="hopline-map.svg"'
    return Response(answer.body, media_type="image/svg+xml", headers={**HEADERS, "Content-Disposition": disposition})


def drawing(graph: Answer, settings: UiSettings) -> dict[str, Any]:
    """Boxes and curves with their figures and classes, ready for the template."""
    figures = {node["name"]: node for node in graph["nodes"]}
    edges = {(edge["caller"], edge["callee"]): edge for edge in graph["edges"]}
    layout = lay_out(figures, edges)
    busiest = max((edge["calls"] for edge in edges.values()), default=1)
    return {
        "width": math.ceil(layout.width),
        "height": math.ceil(layout.height),
        "nodes": [{**_box(figures[place.name], settings), "x": place.x, "y": place.y} for place in layout.places],
        "edges": _apart(
            [_curve(route, edges[route.caller, route.callee], busiest, settings) for route in layout.routes]
        ),
        "box_width": NODE_WIDTH,
        "box_height": NODE_HEIGHT,
    }


def severity(error_rate: float | None, settings: UiSettings) -> str:
    """``error``, ``warn`` or ``ok`` by the settings' shares; ``""`` without calls."""
    if error_rate is None:
        return ""
    if error_rate >= settings.bad_error_rate:
        return "error"
    return "warn" if error_rate >= settings.warn_error_rate else "ok"


def panel(graph: Answer, name: str) -> dict[str, Any] | None:
    """A node's figures and whom it uses and is used by, or ``None`` for a node that is not there."""
    node = next((node for node in graph["nodes"] if node["name"] == name), None)
    if node is None:
        return None
    uses = [edge for edge in graph["edges"] if edge["caller"] == name and edge["callee"] != name]
    used_by = [edge for edge in graph["edges"] if edge["callee"] == name and edge["caller"] != name]
    return {"node": node, "uses": _most(uses), "used_by": _most(used_by)}


def _most(edges: list[Answer]) -> list[Answer]:
    return sorted(edges, key=lambda edge: (-edge["calls"], edge["caller"], edge["callee"]))


def _box(node: Answer, settings: UiSettings) -> dict[str, Any]:
    calls = node["calls"] or 0
    failed = (node["errors"] or 0) / calls if calls else 0.0
    slow = min((node["slow"] or 0) / calls, 1 - failed) if calls else 0.0
    label = node["label"] or node["name"]
    return {
        **node,
        "short": label if len(label) <= LETTERS else label[: LETTERS - 1] + "…",
        "state": severity(node["error_rate"], settings),
        # Three arcs of the ring, each a dash and the turn where it starts.
        "ring": [
            {
                "kind": kind,
                "dash": round(part * RING, 2),
                "rest": round(RING - part * RING, 2),
                "from": round(-start * RING, 2),
            }
            for kind, part, start in (
                ("ok", 1 - failed - slow, 0.0),
                ("slow", slow, 1 - failed - slow),
                ("error", failed, 1 - failed),
            )
            if part > 0 and calls
        ],
    }


def _curve(route: Route, edge: Answer, busiest: float, settings: UiSettings) -> dict[str, Any]:
    if route.loop:
        (x0, y0), (x1, y1) = route.points
        path, middle = f"M{x0} {y0}C{x0} {y0 - 26} {x1} {y1 - 26} {x1} {y1}", ((x0 + x1) / 2, y0 - 22)
    else:
        path, middle = smooth(route.points), _middle(route.points)
    return {
        **edge,
        "path": path,
        "x": round(middle[0], 1),
        "y": round(middle[1], 1),
        "state": severity(edge["error_rate"], settings),
        "width": round(1 + 2.2 * math.log1p(edge["calls"]) / math.log1p(max(busiest, 1)), 2),
        "back": route.back,
        "label": f"{fmt.rate(edge['calls_per_s'])}/s · {fmt.duration(edge['avg_us'])}",
    }


def _apart(curves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Move the labels between two ranks down until none covers another."""
    lowest: dict[float, float] = {}
    for curve in sorted(curves, key=lambda curve: (curve["y"], curve["caller"], curve["callee"])):
        column = round(curve["x"])
        curve["y"] = round(max(curve["y"], lowest.get(column, -math.inf) + LABEL_HEIGHT), 1)
        lowest[column] = curve["y"]
    return curves


def _middle(points: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    """The middle of the edge's last stretch: between ranks, where no box stands, and apart for edges of one caller."""
    (x0, y0), (x1, y1) = points[-2:]
    return (x0 + x1) / 2, (y0 + y1) / 2
