"""Alerts: what fires, with the figure over time that made it fire and the calls that it counts."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from hopline_query.errors import QueryError
from hopline_ui import fmt
from hopline_ui.drawing import threshold_chart
from hopline_ui.frame import frame_of
from hopline_ui.pages.search import rows
from hopline_ui.pages.site import Site
from hopline_ui.palette import colours
from hopline_ui.service import Answer

AROUND_US: Final = 30 * 60_000_000
"""The chart begins so long before an alert began, and ends so long after it."""
DRAWN: Final = 12
"""Alerts that are shown with their chart, and open ones with their traces: each asks the store."""
TRACES: Final = 3
CHANGES: Final = 50
EXPLAINED: Final = ("service", "operation", "env", "errors", "min_span_duration", "from", "to")
"""Conditions of an alert's link that the page "Why?" knows too."""
OPEN: Final = ("firing", "silenced", "pending")
NOTHING: Final[Answer] = {"alerts": [], "trouble": "", "to_us": 0}

FORMS: Final[Mapping[str, Callable[[float | None], str]]] = MappingProxyType(
    {
        "success_rate": fmt.share,
        "qps": fmt.rate,
        "behind_s": lambda value: fmt.duration(None if value is None else value * 1_000_000),
        **dict.fromkeys(("avg_us", "p50_us", "p95_us", "p99_us"), fmt.duration),
    }
)
"""How a measure reads; others are counts."""


@dataclass(frozen=True, slots=True)
class Link:
    """What an alert's link asks the search for."""

    params: dict[str, str]

    @property
    def searches(self) -> bool:
        """Whether it counts calls at all: lost rows and lag have none."""
        return bool(self.params)

    @property
    def edge(self) -> dict[str, str]:
        """The ends of the calls that it counts; empty where it counts those of a service by itself."""
        if "callee" not in self.params:
            return {}
        return {name: self.params[name] for name in ("caller", "callee", "env") if name in self.params}

    @property
    def why(self) -> dict[str, str]:
        """What explains the same calls; of an edge those of its callee."""
        kept: dict[str, str] = {name: self.params[name] for name in EXPLAINED if name in self.params}
        callee = self.params.get("callee")
        return {**kept, "service": callee} if callee else kept


def alerts(site: Site, request: Request) -> Response:
    """``/alerts``: refreshed in place; without rules it says how to write the first one."""
    frame = frame_of(request, "")
    source = site.alerts
    answer = source.open() if source else NOTHING
    now = answer["to_us"]
    shown = [_entry(site, alert, now, with_chart=at < DRAWN) for at, alert in enumerate(answer["alerts"])]
    values = {
        "section": "alerts",
        "ranged": False,
        "can_live": True,
        "answer": {"unserved": None, "freshness": site.service.freshness(), **answer},
        "configured": bool(source and source.configured),
        "open": [entry for entry in shown if entry["state"] in OPEN],
        "resolved": [entry for entry in shown if entry["state"] not in OPEN],
        "changes": source.history(CHANGES)["changes"] if source else [],
        "formed": formed,
        "palette": colours(s["service"] for entry in shown for trace in entry["traces"] for s in trace["services"]),
    }
    return site.page(request, frame, "alerts.html", values)


def formed(measure: str, value: float | None) -> str:
    """A measure's value in its unit."""
    return FORMS.get(measure, fmt.count)(value)


def firing(site: Site) -> list[Answer]:
    """What fires now, for a line on the home page; a store that does not answer has other pages to say so."""
    try:
        found = site.alerts.open()["alerts"] if site.alerts else []
    except QueryError:
        return []
    return [alert for alert in found if alert["state"] == "firing"]


def link_of(alert: Answer) -> Link:
    """The search behind an alert; nothing for one that leads to another page."""
    parts = urlsplit(alert["link"])
    return Link(dict(parse_qsl(parts.query)) if parts.path == "/search" else {})


def _entry(site: Site, alert: Answer, now_us: int, *, with_chart: bool) -> dict[str, Any]:
    link = link_of(alert)
    told = with_chart and link.searches
    found = _traces(site, link) if told and alert["state"] in OPEN else {"traces": [], "count": None}
    return {
        **alert,
        "params": link.params,
        "why": link.why,
        "chart": _chart(site, alert, link, now_us) if told else None,
        "traces": rows(found["traces"], relative=True),
        "matching": found["count"],
    }


def _traces(site: Site, link: Link) -> Answer:
    order = {"order_by": "longest"} if "min_span_duration" in link.params else {}
    try:
        return site.service.search({**link.params, **order, "limit": str(TRACES)})
    except QueryError:
        return {"traces": [], "count": None}


def _chart(site: Site, alert: Answer, link: Link, now_us: int) -> dict[str, Any] | None:
    """The measure around the time at which the alert began; None where there is no series of it."""
    measure, labels = alert["measure"], alert["labels"]
    # Of an edge, or of a service as its callers see it.
    asked = link.edge or labels
    if not ({"service", "callee"} & {*asked}) or measure not in {*FORMS} - {"behind_s"}:
        return None
    since = alert["since_us"]
    range_ = {"from": str(max(0, since - AROUND_US)), "to": str(min(since + AROUND_US, max(now_us, since + 1)))}
    try:
        answer = site.service.series({**asked, **range_})
    except QueryError:
        return None
    if not answer["series"]:
        return None
    series = answer["series"][0]
    is_share = measure == "success_rate"
    values = [None if rate is None else 1 - rate for rate in series["error_rate"]] if is_share else series[measure]
    full = [None if filling else value for value, filling in zip(values, answer["filling"], strict=True)]
    return threshold_chart(answer["times"], full, alert["threshold"], since, 1.0 if is_share else math.inf)
