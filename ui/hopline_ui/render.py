"""From a template and a page's values to an answer."""

import json
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from hopline_ui import fmt
from hopline_ui.assets import Assets
from hopline_ui.frame import COOKIE_AGE, PRESETS, Frame
from hopline_ui.i18n import catalogue
from hopline_ui.palette import colours
from hopline_ui.security import HEADERS
from hopline_ui.settings import UiSettings

ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class Renderer:
    """The Jinja environment of all pages."""

    def __init__(self, assets: Assets, settings: UiSettings) -> None:
        self.settings = settings
        self._assets = assets
        self._jinja = Environment(
            loader=PackageLoader("hopline_ui"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.globals.update(fmt=fmt, colours=colours, presets=PRESETS, settings=settings, data_block=data_block)

    def page(
        self, request: Request, frame: Frame, template: str, values: dict[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """The page; a language asked for in the address is remembered in a cookie."""
        words = catalogue(frame.language)
        html = self._jinja.get_template(template).render(
            frame=frame,
            link=frame.link,
            here=frame.here,
            plain=frame.plain,
            t=words.t,
            tn=words.tn,
            known=words.known,
            browser_words=words.for_browser(),
            asset=lambda name: frame.base + self._assets.path(name),
            **values,
        )
        answer = HTMLResponse(
            html,
            status_code=status,
            headers={**HEADERS, "Cache-Control": "no-cache", "Vary": "Cookie, Accept-Language"},
        )
        if request.query_params.get("lang"):
            answer.set_cookie("hop_lang", frame.language, max_age=COOKIE_AGE, samesite="lax", path=frame.base or "/")
        return answer


def data_block(name: str, value: object) -> Markup:
    """A ``<script type="application/json">``: data for a module, never run, so the policy lets it be.

    Whatever could end the element or start markup is written as a JSON escape.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char, escape in ESCAPES.items():
        text = text.replace(char, escape)
    return Markup('<script type="application/json" id="{}">').format(name) + Markup(text) + Markup("</script>")  # noqa: S704 -- escaped above
