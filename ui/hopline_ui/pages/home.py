"""Home: what needs attention, error groups, and every service's figures."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_ui.drawing import spark
from hopline_ui.pages.site import Site, range_params, ranged, window_of
from hopline_ui.pages.sorting import ordered
from hopline_ui.service import Answer
from hopline_ui.settings import UiSettings

COLUMNS: Final = ("service", "qps", "avg_us", "p50_us", "p95_us", "p99_us", "p999_us", "success_rate", "impact")
"""Sortable columns; a name in ``sort=`` sorts largest first, ``-name`` smallest first."""

ERROR_GROUPS: Final = 6


def home(site: Site, request: Request) -> Response:
    """``/``: refreshed in place while the range is live."""
    frame = ranged(request)
    params = range_params(frame)
    stats = site.service.stats({**params, "compare": "previous", "spark": "30", "limit": "1000"})
    errors = site.service.errors({**params, "limit": str(ERROR_GROUPS)})
    wanted = frame.params.get("q", "").strip().lower()
    sort = frame.params.get("sort", "impact")
    services = [entry for entry in stats["services"] if wanted in entry["service"].lower()]
    values = {
        "section": "services",
        "can_live": True,
        "window": window_of(stats),
        "stats": stats,
        "rows": [_row(entry) for entry in ordered(services, sort, COLUMNS)],
        "attention": attention(stats["services"], site.settings),
        "groups": errors["groups"],
        "columns": COLUMNS,
        "sort": sort,
        "q": frame.params.get("q", ""),
        "address": str(request.base_url).rstrip("/"),
    }
    return site.page(request, frame, "home.html", values)


def attention(entries: list[Answer], settings: UiSettings) -> list[dict[str, Any]]:
    """Services that fail or slow down, the worst first, each with its reasons."""
    found = []
    for entry in entries:
        before = entry.get("previous") or {}
        failing = entry["success_rate"] is not None and entry["success_rate"] < settings.attention_success
        slowdown = _ratio(entry["p99_us"], before.get("p99_us"))
        slower = slowdown is not None and slowdown >= settings.attention_slowdown and not entry["small_sample"]
        if failing or slower:
            found.append(
                {"entry": entry, "before": before, "failing": failing, "slowdown": slowdown if slower else None}
            )
    return sorted(found, key=lambda item: (not item["failing"], -item["entry"]["errors"], item["entry"]["service"]))


def _ratio(value: float | None, before: float | None) -> float | None:
    return value / before if value is not None and before else None


def _row(entry: Answer) -> dict[str, Any]:
    points = (entry.get("spark") or {}).get("qps") or []
    return {**entry, "spark_path": spark(points)}
