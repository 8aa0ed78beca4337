"""The pages: server-rendered, with ES modules served by us."""

from hopline_ui.router import create_router
from hopline_ui.settings import UiSettings

__all__ = ["UiSettings", "create_router"]
