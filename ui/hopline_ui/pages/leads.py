"""Addresses that lead elsewhere: the paste boxes, preferences, old links of Zipkin and Jaeger."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hopline_query.search.ids import UUID
from hopline_ui.frame import COOKIE_AGE, THEMES, TOURS, ZONES, Frame, frame_of
from hopline_ui.i18n import LANGUAGES
from hopline_ui.pages import bookmarks
from hopline_ui.pages.site import Site
from hopline_ui.security import HEADERS

CHOICES: Final = {"theme": THEMES, "zone": ZONES, "lang": LANGUAGES, "tour": TOURS}


def go(site: Site, request: Request) -> Response:
    """``/go?as=trace|user&text=``: wherever the pasted text belongs; the box it stood in decides what is unclear."""
    frame = frame_of(request, "")
    text = frame.params.get("text", "").strip()
    if not text:
        return _to(frame.link("/search"))
    return _to(_address(site, frame, text, as_user=frame.params.get("as") == "user"))


def _address(site: Site, frame: Frame, text: str, *, as_user: bool) -> str:
    found = site.service.find(text)
    kind = found["kind"]
    if kind == "trace" and not (as_user and _unclear(text)):
        return frame.link(f"/trace/{found['trace_id']}")
    if kind == "filter" and not as_user:
        return frame.link("/search", filter=found["filter"], user=found["uid"])
    uid = found.get("uid") or text
    return frame.user(uid) if as_user or kind == "user" else frame.link(f"/trace/{text}")


def _unclear(text: str) -> bool:
    """Whether a trace id was told by its digits alone: a uid may look like that too, as UUIDs do."""
    return text.isalnum() or UUID.fullmatch(text) is not None


def prefs(site: Site, request: Request) -> Response:
    """``/prefs?theme=&zone=&lang=&next=``: set cookies and go back; only to pages of ours."""
    del site
    frame = frame_of(request, "")
    target = frame.params.get("next", "")
    inside = target.startswith(frame.base + "/") and not target.startswith(("//", "/\\"))
    answer = _to(target if inside else frame.base + "/")
    for name, allowed in CHOICES.items():
        value = request.query_params.get(name)
        if value in allowed:
            answer.set_cookie(f"hop_{name}", value, max_age=COOKIE_AGE, samesite="lax", path=frame.base or "/")
    return answer


def zipkin_trace(site: Site, request: Request) -> Response:
    """``/zipkin/traces/{id}``: where Zipkin's links pointed."""
    del site
    return _to(frame_of(request, "").plain(f"/trace/{request.path_params['trace_id']}"))


def zipkin_map(site: Site, request: Request) -> Response:
    """``/zipkin/dependency`` and Jaeger's ``/dependencies``."""
    del site
    return _to(frame_of(request, "").plain("/map", **bookmarks.range_of_zipkin(request.query_params)))


def zipkin_home(site: Site, request: Request) -> Response:
    """``/zipkin/``: Zipkin's search, or the trace that it shows."""
    del site
    frame = frame_of(request, "")
    asked = dict(request.query_params)
    if asked.get("traceId"):
        return _to(frame.plain(f"/trace/{asked['traceId']}"))
    return _to(frame.plain("/search", **bookmarks.from_zipkin(asked)))


def jaeger_search(request: Request) -> Response | None:
    """Our search for a bookmark of Jaeger's, which has the same address; None for one of ours."""
    asked = dict(request.query_params)
    if not bookmarks.is_jaeger(asked):
        return None
    frame = frame_of(request, "")
    if asked.get("traceID"):
        return _to(frame.plain(f"/trace/{asked['traceID']}"))
    return _to(frame.plain("/search", **bookmarks.from_jaeger(asked)))


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303, headers=HEADERS)
