"""The system page: collectors, processes that report, storage, version."""

from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response

from hopline_ui.pages.site import Site, ranged


def system(site: Site, request: Request) -> Response:
    """``/system``: what came in, what was lost and why, and what it weighs on disk."""
    frame = ranged(request)
    answer = site.service.system()
    values = {
        "section": "system",
        "ranged": False,
        "system": answer,
        "version": version("hopline"),
        "fresh": {"freshness": site.service.freshness()},
        "bytes": sum(table["bytes"] for table in answer["tables"]),
        "rows": sum(table["rows"] for table in answer["tables"] if table["table"] == "spans"),
    }
    return site.page(request, frame, "system.html", values)
