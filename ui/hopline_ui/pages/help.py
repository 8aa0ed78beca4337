"""How to read the figures: what each counts, with an example."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hopline_ui.frame import frame_of
from hopline_ui.pages.site import Site

FIGURES: Final = ("qps", "calls", "success_rate", "avg_us", "p50_us", "p95_us", "p99_us", "p999_us", "impact")
WORDS: Final = ("failed", "client_errors", "recovered", "callers", "took", "complete", "percentile", "critical", "self")


def help_page(site: Site, request: Request) -> Response:
    """``/help``: every figure and word of the pages, each under its own anchor."""
    frame = frame_of(request, "")
    return site.page(
        request, frame, "help.html", {"section": "help", "ranged": False, "figures": FIGURES, "words": WORDS}
    )
