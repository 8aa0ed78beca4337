"""A query service that answers the shapes of docs/api.md from a made-up shop, and an app around the pages."""

from ui_support.answers import ShopAnswers
from ui_support.client import Client
from ui_support.html import Page
from ui_support.server import Served, page_app, serve
from ui_support.shared import NOW, TRACE_ID

__all__ = ["NOW", "TRACE_ID", "Client", "Page", "Served", "ShopAnswers", "page_app", "serve"]
