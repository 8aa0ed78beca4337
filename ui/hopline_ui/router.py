"""The pages' routes."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from hopline_query.errors import NotFoundError, QueryError
from hopline_ui.assets import Assets
from hopline_ui.frame import frame_of, without_range
from hopline_ui.pages import alerts, compare, help, home, leads, map, search, service, system, trace, user, why  # noqa: A004 -- the pages are named so
from hopline_ui.pages.site import Site
from hopline_ui.render import Renderer
from hopline_ui.security import HEADERS
from hopline_ui.service import AlertSource, PageService
from hopline_ui.settings import UiSettings

BAD_REQUEST: Final = 400
_LONGEST_PATH: Final = 200

Page = Callable[[Site, Request], Response]

PAGES: Final[tuple[tuple[str, Page], ...]] = (
    ("/", home.home),
    ("/search", search.search),
    ("/search.csv", search.as_csv),
    ("/trace/{trace_id}", trace.trace),
    ("/trace/{trace_id}/node/{key}", trace.node),
    ("/trace/{trace_id}/card/{key}", trace.card),
    ("/compare", compare.compare),
    ("/why", why.why),
    ("/alerts", alerts.alerts),
    ("/map", map.page),
    ("/map.svg", map.svg),
    ("/map.mmd", map.mermaid),
    ("/service/{name:path}", service.service),
    ("/users", user.user),
    ("/users/{uid:path}", user.user),
    ("/system", system.system),
    ("/help", help.help_page),
    ("/go", leads.go),
    ("/prefs", leads.prefs),
    ("/zipkin/traces/{trace_id}", leads.zipkin_trace),
    ("/zipkin/dependency", leads.zipkin_map),
    ("/dependencies", leads.zipkin_map),
    ("/zipkin", leads.zipkin_home),
    ("/zipkin/", leads.zipkin_home),
)


def create_router(
    service: PageService, settings: UiSettings | None = None, found: AlertSource | None = None
) -> APIRouter:
    """Routes of all pages and their static files, over a query service and the alerts found by its rules.

    Pages are synchronous, so the framework runs them in its thread pool and a
    slow query holds up nobody else. Include it after all other routers: what they
    do not know is answered here to browsers.
    """
    chosen = settings or UiSettings()
    assets = Assets()
    site = Site(service, Renderer(assets, chosen), chosen, found)
    router = APIRouter()
    for path, page in PAGES:
        router.add_api_route(path, _endpoint(site, page), methods=["GET"], include_in_schema=False)
    router.add_api_route("/pulse", _pulse(site), methods=["GET"], include_in_schema=False)
    router.add_api_route("/static/{version}/{name:path}", _static(assets), methods=["GET"], include_in_schema=False)
    router.add_api_route(
        "/{path:path}", _endpoint(site, _nowhere), include_in_schema=False, route_class_override=_ForPeople
    )
    return router


class _ForPeople(APIRoute):
    """Matches what a browser was sent to; programs get the API's own error. It has to be the last of all routes."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = super().matches(scope)
        wanted = scope["type"] == "http" and "text/html" in Headers(scope=scope).get("accept", "")
        return found if wanted else (Match.NONE, {})


def _nowhere(_: Site, request: Request) -> Response:
    path = request.url.path[:_LONGEST_PATH]
    raise NotFoundError(f"there is no page at {path}", detail={"reason": "nowhere"})


def _endpoint(site: Site, page: Page) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        try:
            return page(site, request)
        except QueryError as error:
            if error.status != BAD_REQUEST or error.field not in {"from", "to"} or not _ranged(request):
                return _problem(site, request, error)
            # A bad range is marked in the picker, and the page stands over its default.
            answer = endpoint(without_range(request, error))
            answer.status_code = BAD_REQUEST
            return answer

    return endpoint


def _ranged(request: Request) -> bool:
    return bool(request.query_params.get("from") or request.query_params.get("to"))


def _pulse(site: Site) -> Callable[[], Response]:
    def endpoint() -> Response:
        try:
            site.service.freshness()
        except QueryError as error:
            return Response(status_code=error.status, headers=HEADERS)
        return Response(status_code=204, headers={**HEADERS, "Cache-Control": "no-store"})

    return endpoint


def _problem(site: Site, request: Request, error: QueryError) -> Response:
    """The page of a question that has no answer; the boxes keep what was asked."""
    frame = frame_of(request, "")
    values = {
        "section": "",
        "ranged": False,
        "error": error,
        "asked_trace": request.path_params.get("trace_id", ""),
        "asked_uid": request.path_params.get("uid", ""),
    }
    return site.page(request, frame, "problem.html", values, status=error.status)


def _static(assets: Assets) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        asset = assets.get(str(request.path_params["name"]))
        if asset is None:
            return Response("not found", 404, headers=HEADERS, media_type="text/plain")
        current = request.path_params["version"] == assets.version
        cache = "public, max-age=31536000, immutable" if current else "no-cache"
        headers = {**HEADERS, "ETag": asset.etag, "Cache-Control": cache}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.body, media_type=asset.media_type, headers=headers)

    return endpoint
