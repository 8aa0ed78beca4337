"""What every page is given."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from hopline_ui.frame import Frame, frame_of
from hopline_ui.render import Renderer
from hopline_ui.service import AlertSource, Answer, PageService
from hopline_ui.settings import UiSettings


@dataclass(frozen=True, slots=True)
class Site:
    """The query service, the alerts, the templates and the settings behind all pages."""

    service: PageService
    renderer: Renderer
    settings: UiSettings
    alerts: AlertSource | None = None
    """None: this server judges no rules."""

    def page(
        self, request: Request, frame: Frame, template: str, values: dict[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """Render ``template`` with the page's values; pages with a range offer the environments too."""
        if values.get("ranged", True) and "envs" not in values:
            values = {**values, "envs": self.service.envs()["envs"]}
        return self.renderer.page(request, frame, template, values, status=status)


def ranged(request: Request, default: str = "now-15m") -> Frame:
    """The frame of a page that shows a range, by default the last ``default``."""
    return frame_of(request, default)


def range_params(frame: Frame) -> dict[str, str]:
    """Range and environment as the query service takes them."""
    params = {"from": frame.since, "to": frame.until, "env": frame.env}
    return {key: value for key, value in params.items() if value}


def window_of(answer: Answer) -> tuple[int, int] | None:
    """The absolute range that an answer was read over, for a link that does not move on."""
    start, end = answer.get("from_us"), answer.get("to_us")
    return (start, end) if start is not None and end is not None else None
