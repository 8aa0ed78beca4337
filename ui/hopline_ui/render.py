"""From a template and a page's values to an answer."""

import json
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from hopline_ui import fmt
from hopline_ui.assets import Assets
from hopline_ui.frame import AGAINST, COOKIE_AGE, PRESETS, Frame
from hopline_ui.i18n import catalogue
from hopline_ui.palette import colours
from hopline_ui.problems import told
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
        self._jinja.globals.update(
            fmt=fmt, colours=colours, presets=PRESETS, against=AGAINST, settings=settings, data_block=data_block
        )

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
            told=lambda error: told(error, words),
            steps=steps(values.get("window")),
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


def steps(window: tuple[int, int] | None) -> dict[str, tuple[int, int]] | None:
    """Ranges one step from the one that is shown: as long just before and after it, and twice as long around it."""
    if window is None:
        return None
    start, end = window
    length = max(end - start, 1)
    wider = (max(start - length // 2, 0), end + length // 2)
    return {"back": (max(start - length, 0), start), "on": (end, end + length), "out": wider}


def data_block(name: str, value: object) -> Markup:
    """A ``<script type="application/json">``: data for a module, never run, so the policy lets it be.

    Whatever could end the element or start markup is written as a JSON escape.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char, escape in ESCAPES.items():
        text = text.replace(char, escape)
    return Markup('<script type="application/json" id="{}">').format(name) + Markup(text) + Markup("</script>")  # noqa: S704 -- escaped above
