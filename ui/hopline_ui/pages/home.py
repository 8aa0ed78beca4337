"""Home: what needs attention, what began the failures, and every service's figures."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_query.errors import QueryError
from hopline_query.params import QuerySettings
from hopline_ui.drawing import spark
from hopline_ui.frame import AGAINST, Frame
from hopline_ui.pages.alerts import firing
from hopline_ui.pages.site import Site, range_params, ranged, window_of
from hopline_ui.pages.sorting import ordered
from hopline_ui.pages.success import worse_of
from hopline_ui.pages.why import opened
from hopline_ui.service import Answer
from hopline_ui.settings import UiSettings

COLUMNS: Final = (
    *("service", "qps", "avg_us", "p50_us", "p95_us", "p99_us", "p999_us", "success_rate"),
    *("status_4xx", "impact"),
)
"""Sortable columns; a name in ``sort=`` sorts largest first, ``-name`` smallest first."""

ROWS: Final = 60
"""Services in the table where nobody asked for all of them."""
CAUSES: Final = 6
"""Causes, or error groups, that are listed."""
CAUSES_OF: Final = 200
"""Failing traces, the newest, in which causes are looked for: a fraction of a second where none was read before."""
CAUSES_US: Final = QuerySettings().longest_search_us
"""Of a wider range only the error groups are told."""
LOOKED_AT: Final = 200
"""Error groups in which the first failure of a service is looked for."""
NO_CAUSES: Final[Answer] = {"causes": [], "failures": 0, "traces": 0, "truncated": False}
NEWS_US: Final = 60_000_000
"""A failure first seen so soon after the range begins may be older: nothing is said about its beginning."""


def home(site: Site, request: Request) -> Response:
    """``/``: refreshed in place while the range is live."""
    frame = ranged(request)
    params = range_params(frame)
    stats = site.service.stats({**params, "compare": "previous", "spark": "30", "limit": "1000"})
    errors = site.service.errors({**params, "limit": str(LOOKED_AT)})
    causes = _causes(site, params, stats) if errors["groups"] else NO_CAUSES
    wanted = frame.params.get("q", "").strip().lower()
    sort = frame.params.get("sort", "impact")
    services = [entry for entry in stats["services"] if wanted in entry["service"].lower()]
    in_order = ordered(services, sort, COLUMNS)
    shown = in_order if frame.params.get("rows") == "all" else in_order[:ROWS]
    ghosts = earlier(site, frame, params, (stats["from_us"], stats["to_us"]))
    values = {
        "section": "services",
        "can_live": True,
        "window": window_of(stats),
        "stats": stats,
        "can_compare": True,
        "rows": [_row(entry, ghosts.get(entry["service"], [])) for entry in shown],
        "rows_total": len(in_order),
        "alerts": firing(site),
        "attention": attention(stats["services"], site.settings, began(errors["groups"], stats["from_us"])),
        "causes": causes,
        "groups": [] if causes["causes"] else errors["groups"][:CAUSES],
        "most_causes": CAUSES,
        "opened": lambda link: opened(frame, link),
        "tour": tour(stats["services"], site.settings) if request.cookies.get("hop_tour") != "off" else [],
        "columns": [name for name in COLUMNS if name != "status_4xx" or any(e.get(name) for e in services)],
        "sort": sort,
        "q": frame.params.get("q", ""),
        "address": str(request.base_url).rstrip("/"),
    }
    return site.page(request, frame, "home.html", values)


def _causes(site: Site, params: dict[str, str], stats: Answer) -> Answer:
    """What began the failures of the range that the figures are of."""
    begin, end = stats["from_us"], stats["to_us"]
    if end - begin > CAUSES_US:
        return NO_CAUSES
    asked = {**params, "from": str(begin), "to": str(end), "traces": str(CAUSES_OF)}
    return site.service.causes(asked)


def tour(entries: list[Answer], settings: UiSettings) -> list[tuple[str, str, dict[str, str]]]:
    """Five places worth a look, each with its path and parameters, over the figures that are there."""
    if not settings.tour or not entries:
        return []
    worst = max(entries, key=lambda entry: (worse_of(entry).errors, entry["service"]))["service"]
    busiest = max(entries, key=lambda entry: (entry["impact"] or 0, entry["service"]))["service"]
    return [
        ("failing", "/search", {"service": worst, "errors": "true"}),
        ("why", "/why", {"service": worst, "errors": "true"}),
        ("slowest", "/search", {"service": busiest, "entry": "true", "order_by": "longest"}),
        ("heatmap", f"/service/{busiest}", {}),
        ("map", "/map", {}),
    ]


def began(groups: list[Answer], from_us: int) -> dict[str, int]:
    """Service -> when its first failure came, where that lies well within the range."""
    first: dict[str, int] = {}
    for group in groups:
        first[group["service"]] = min(group["first_seen_us"], first.get(group["service"], group["first_seen_us"]))
    return {service: us for service, us in first.items() if us > from_us + NEWS_US}


def attention(
    entries: list[Answer], settings: UiSettings, since: Mapping[str, int] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """Services that fail, by themselves or in their callers' eyes, or slow down: the worst first, with reasons."""
    found = []
    for entry in entries:
        before = entry.get("previous") or {}
        success = worse_of(entry)
        failing = success.rate is not None and success.rate < settings.attention_success
        slowdown = _ratio(entry["p99_us"], before.get("p99_us"))
        slower = slowdown is not None and slowdown >= settings.attention_slowdown and not entry["small_sample"]
        if failing or slower:
            found.append(
                {
                    "entry": entry,
                    "before": before,
                    "success": success,
                    "failing": failing,
                    "since_us": since.get(entry["service"]) if failing else None,
                    "slowdown": slowdown if slower else None,
                }
            )
    return sorted(found, key=lambda item: (not item["failing"], -item["success"].errors, item["entry"]["service"]))


def _ratio(value: float | None, before: float | None) -> float | None:
    return value / before if value is not None and before else None


def earlier(site: Site, frame: Frame, params: dict[str, str], shown: tuple[int, int]) -> dict[str, list[float]]:
    """Service -> calls per second in the slots of the period that figures are drawn against; empty for none."""
    if not frame.against:
        return {}
    back = AGAINST[frame.against]
    range_ = {"from": str(max(shown[0] - back, 0)), "to": str(max(shown[1] - back, 1))}
    try:
        entries = site.service.stats({**params, **range_, "spark": "30", "limit": "1000"})["services"]
    except QueryError:  # The figures of now stand without those of then.
        return {}
    return {entry["service"]: list((entry.get("spark") or {}).get("qps", ())) for entry in entries}


def _row(entry: Answer, ghost: list[float]) -> dict[str, Any]:
    drawn = entry.get("spark") or {}
    slots = zip(drawn.get("qps", ()), drawn.get("filling", ()), strict=True)
    # A slot that is still filling would be drawn as a drop.
    points = [value for value, filling in slots if not filling]
    paths = {"spark_path": spark(points, ghost), "spark_ghost": spark(ghost[: len(points)], points)[0]}
    return {**entry, **paths, "success": worse_of(entry)}
