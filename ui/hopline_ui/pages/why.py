"""Why is it slow, why does it fail: one selection, and everything that explains it (docs/why.md)."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_ui.frame import Frame
from hopline_ui.i18n import Catalogue, catalogue
from hopline_ui.pages.site import Site, range_params, ranged, window_of
from hopline_ui.service import Answer

FIELDS: Final = (
    *("service", "operation", "filter", "min_span_duration", "max_span_duration", "errors", "version", "instance"),
    *("caller", "callee", "error_type", "uid", "load_test"),
)
"""Parameters that say what is meant, besides the range."""

BASE: Final = ("base_from", "base_to", "base_filter", "base_version")
"""Parameters that say what to compare with."""

CAUSES: Final = 10
PARTS: Final = 6
"""Lines of a panel: causes, and parts of a band or of a change."""


def why(site: Site, request: Request) -> Response:
    """``/why``: what began the failures; with a service also what differs, who decides, and what got worse."""
    frame = ranged(request, "now-1h")
    asked = {name: value for name in (*FIELDS, *BASE) if (value := frame.params.get(name, "").strip())}
    params = {**asked, **range_params(frame)}
    words = catalogue(frame.language)
    causes = site.service.causes({name: value for name, value in params.items() if name not in BASE})
    values: dict[str, Any] = {
        "section": "why",
        "window": window_of(causes),
        "asked": {name: asked.get(name, "") for name in (*FIELDS, *BASE)},
        "causes": causes,
        "differs": None,
        "path": None,
        "worse": None,
        "bands": [],
        "terms": lambda finding: words.t("why.and").join(_term(words, term) for term in finding["terms"]),
        "opened": lambda link: opened(frame, link),
        "most": {"causes": CAUSES, "parts": PARTS},
        "truncated": causes["truncated"],
    }
    if asked.get("service"):
        values |= _of_service(site, params, causes)
    return site.page(request, frame, "why.html", values)


def opened(frame: Frame, link: str) -> str:
    """The page of a link of the API: the search with the same parameters."""
    return f"{frame.plain('/search')}?{link.partition('?')[2]}"


def _of_service(site: Site, params: dict[str, str], causes: Answer) -> dict[str, Any]:
    begin, end = causes["from_us"], causes["to_us"]
    # One range for all panels, so that they tell of the same calls.
    params = {**params, "from": str(begin), "to": str(end)}
    path = site.service.critical_path({name: value for name, value in params.items() if name not in BASE})
    before = {"base_from": str(max(0, 2 * begin - end)), "base_to": str(begin)}
    against = {} if any(params.get(name) for name in BASE) else before
    # What the selection is, the time before has too: slow calls of now against slow calls of then say nothing.
    chosen = {name: value for name, value in params.items() if name not in {"min_span_duration", "max_span_duration"}}
    worse = site.service.worse(chosen | against)
    differs = site.service.differs(params)
    bands = [band for band in path["bands"] if band["band"] in {"all", "p50", "p99"} and band["traces"]]
    return {
        "path": path,
        "bands": bands,
        "worse": worse,
        "differs": differs,
        "truncated": causes["truncated"] or path["truncated"] or worse["truncated"] or differs["truncated"],
    }


def _term(words: Catalogue, term: dict[str, str]) -> str:
    if term["kind"] in {"callee", "no_callee"}:
        return words.t(f"why.{term['kind']}", service=term["service"], value=term["value"])
    return f"{term['service']} {term['key']} {term['op']} {term['value']}"
