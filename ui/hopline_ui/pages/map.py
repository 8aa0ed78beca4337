"""The dependency map: a drawing with figures on nodes and edges, and its table twin."""

import math
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_ui import fmt
from hopline_ui.drawing import smooth
from hopline_ui.frame import Frame
from hopline_ui.map_replay import during
from hopline_ui.map_teams import teams_of
from hopline_ui.map_view import VIEWS, chosen_view, grouped, hot, part, short_names
from hopline_ui.pages.site import Site, range_params, ranged, window_of
from hopline_ui.pages.sorting import ordered
from hopline_ui.pages.success import worse_of
from hopline_ui.security import HEADERS
from hopline_ui.service import Answer
from hopline_ui.settings import UiSettings

if TYPE_CHECKING:
    from hopline_ui.map_layout import Route

KINDS: Final = ("db", "mq", "cache", "external", "user")
"""Kinds of nodes that can be hidden; services always stand."""
PASSED: Final = ("focus", "depth_in", "depth_out", "min_calls", "hide", "uid", "filter", "load_test", "self_calls")
RING: Final = 2 * math.pi * 11
"""Length of the ring around a node's mark."""
LETTERS: Final = 16
"""Letters of a name that fit a box; the rest is in its title."""
FAR_LETTERS: Final = 18
"""Letters of a name beside its box, where the drawing is too small for names inside."""
ROWS: Final = 100
"""Edges in the table where nobody asked for more."""
MOST_ROWS: Final = 2_000
COLUMNS: Final = (
    "caller",
    "callee",
    "calls",
    "calls_per_s",
    "error_rate",
    "avg_us",
    "p99_us",
    "p999_us",
    "network_us",
)


def page(site: Site, request: Request) -> Response:
    """``/map``: refreshed in place; nodes never move while the graph stays the same."""
    frame = ranged(request)
    graph, whole = _graphs(site, frame)
    view, shown = scoped(site, graph, frame, whole)
    chosen = frame.params.get("node", "")
    sort = frame.params.get("sort", "calls")
    wanted = frame.params.get("q", "").strip().lower()
    matching = [e for e in graph["edges"] if wanted in e["caller"].lower() or wanted in e["callee"].lower()]
    edges = ordered(matching, sort, COLUMNS, name="callee" if sort.endswith("callee") else "caller")
    values = {
        "section": "map",
        "can_live": True,
        "window": window_of(graph),
        "graph": graph,
        "drawing": drawing(shown, site.settings),
        "view": view,
        "views": [name for name in VIEWS if name != "all" or _size(graph) <= site.settings.map_nodes],
        "drawn": len(shown["nodes"]),
        "opened": _opened(frame),
        "by": frame.params.get("by", ""),
        "panel": panel(graph, chosen) if chosen else None,
        "chosen": chosen,
        "hidden_kinds": [kind for kind in frame.params.get("hide", "").split(",") if kind],
        "kinds": KINDS,
        "edges": edges[: MOST_ROWS if frame.params.get("rows") == "all" else ROWS],
        "edges_total": len(edges),
        "columns": COLUMNS,
        "sort": sort,
        "q": frame.params.get("q", ""),
        "address": str(request.base_url).rstrip("/"),
    }
    return site.page(request, frame, "map.html", values)


def _graphs(site: Site, frame: Frame) -> tuple[Answer, Answer]:
    """The graph of the range, and the one whose places it is drawn in: of ``over_from`` to ``over_to`` in a replay."""
    asked = _params(frame)
    graph = site.service.dependencies(asked)
    over = {name: value for name in ("from", "to") if (value := frame.params.get(f"over_{name}"))}
    if len(over) < len(("from", "to")):
        return graph, graph
    whole = site.service.dependencies({**asked, **over})
    return during(whole, graph), whole


def _params(frame: Frame) -> dict[str, str]:
    return {**range_params(frame), **{k: v for k in PASSED if (v := frame.params.get(k))}}


def _size(graph: Answer) -> int:
    """Nodes that somebody runs: the outside world is no service."""
    return sum(node["kind"] != "user" for node in graph["nodes"])


def _opened(frame: Frame) -> list[str]:
    return [begin for begin in frame.params.get("open", "").split(",") if begin]


def scoped(site: Site, graph: Answer, frame: Frame, whole: Answer) -> tuple[str, Answer]:
    """The view by its name, and the part or the grouping of the graph that it draws; ``whole`` decides what is hot."""
    settings = site.settings
    focused = bool(frame.params.get("focus"))
    view = chosen_view(frame.params.get("show", ""), _size(graph), settings.map_nodes, focused=focused)
    if view == "hot":
        return view, part(graph, hot(whole, settings.bad_error_rate))
    if view != "groups":
        return view, graph
    return view, grouped(graph, _opened(frame), teams_of(site.service, frame.params.get("by", ""), range_params(frame)))


def mermaid(site: Site, request: Request) -> Response:
    """``/map.mmd``: what the map shows, as a Mermaid flowchart."""
    frame = ranged(request)
    graph, whole = _graphs(site, frame)
    _, graph = scoped(site, graph, frame, whole)
    disposition = 'attachment; filename="hopline-map.mmd"'
    return Response(
        flowchart(graph),
        media_type="text/plain; charset=utf-8",
        headers={**HEADERS, "Content-Disposition": disposition},
    )


def flowchart(graph: Answer) -> str:
    """A Mermaid flowchart: quoted labels with markup as entities, rates and failing shares on the arrows."""
    ids = {node["name"]: f"n{at}" for at, node in enumerate(graph["nodes"])}
    lines = ["flowchart LR"]
    lines += [f'  {ids[node["name"]]}["{_entities(node["label"] or node["name"])}"]' for node in graph["nodes"]]
    for edge in graph["edges"]:
        if edge["caller"] in ids and edge["callee"] in ids:
            failed = f", {fmt.share(edge['error_rate'])}" if edge["errors"] else ""
            arrow = f'-- "{fmt.rate(edge["calls_per_s"])}/s{failed}" -->'
            lines.append(f"  {ids[edge['caller']]} {arrow} {ids[edge['callee']]}")
    return "\n".join(lines) + "\n"


def _entities(text: str) -> str:
    """Letters, digits and plain marks as they are; everything that Mermaid or HTML may read as an entity of its own."""
    return "".join(char if char.isalnum() or char in " .-_*/…" else f"#{ord(char)};" for char in text)


def svg(site: Site, request: Request) -> Response:
    """``/map.svg``: the drawing alone as a file, with its colours inside."""
    frame = ranged(request)
    graph, whole = _graphs(site, frame)
    _, graph = scoped(site, graph, frame, whole)
    answer = site.page(request, frame, "map_file.svg", {"ranged": False, "drawing": drawing(graph, site.settings)})
    disposition = 'attachment; filename="hopline-map.svg"'
    return Response(answer.body, media_type="image/svg+xml", headers={**HEADERS, "Content-Disposition": disposition})


def drawing(graph: Answer, settings: UiSettings, *, single: bool = False) -> dict[str, Any]:
    """Boxes and curves with their figures and classes, ready for the template; ``single`` is the map of one trace."""
    figures = {node["name"]: node for node in graph["nodes"]}
    edges = {(edge["caller"], edge["callee"]): edge for edge in graph["edges"]}
    # With networkx, which the start does not wait for.
    from hopline_ui.map_labels import label_places
    from hopline_ui.map_layout import NODE_HEIGHT, NODE_WIDTH, lay_out

    layout = lay_out(figures, edges)
    labels = {name: node["label"] or name for name, node in figures.items()}
    names = {length: short_names(labels.values(), length) for length in (LETTERS, FAR_LETTERS)}
    order = sorted(figures.values(), key=lambda node: (-(node["errors"] or 0), -(node["calls"] or 0), node["name"]))
    weight = {node["name"]: at for at, node in enumerate(order)}
    busiest = max((edge["calls"] for edge in edges.values()), default=1)
    return {
        "single": single,
        "width": math.ceil(layout.width),
        "height": math.ceil(layout.height),
        "nodes": [
            {
                **_box(figures[place.name], settings),
                "x": place.x,
                "y": place.y,
                "short": names[LETTERS][labels[place.name]],
                "far": names[FAR_LETTERS][labels[place.name]],
                "weight": weight[place.name],
            }
            for place in layout.places
        ],
        "edges": [
            _curve(route, edges[route.caller, route.callee], labelled, busiest, settings)
            for route, labelled in zip(layout.routes, label_places(layout.routes), strict=True)
        ],
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
    worst = worse_of(node).error_rate
    failed = worst or 0.0
    refused = (node.get("status_4xx") or 0) / calls if calls else 0.0
    slow = min((node["slow"] or 0) / calls, 1 - failed) if calls else 0.0
    return {
        "members": 1,
        **node,
        "worst": worst,
        "state": severity(worst, settings),
        # Said where little fails: refusals are no failures, and yet a figure to see.
        "refused": refused if refused >= settings.warn_error_rate and failed < settings.warn_error_rate else None,
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


def _curve(
    route: "Route", edge: Answer, labelled: tuple[float, float], busiest: float, settings: UiSettings
) -> dict[str, Any]:
    if route.loop:
        (x0, y0), (x1, y1) = route.points
        path = f"M{x0} {y0}C{x0} {y0 - 26} {x1} {y1 - 26} {x1} {y1}"
    else:
        path = smooth(route.points)
    return {
        **edge,
        "path": path,
        "x": labelled[0],
        "y": labelled[1],
        "state": severity(edge["error_rate"], settings),
        "width": round(1 + 2.2 * math.log1p(edge["calls"]) / math.log1p(max(busiest, 1)), 2),
        "back": route.back,
        "label": f"{fmt.rate(edge['calls_per_s'])}/s · {fmt.duration(edge['avg_us'])}",
    }
