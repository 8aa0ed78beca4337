"""aiohttp's server without a change of code: every application that is made after this has the middleware."""

import functools
from typing import Any

from aiohttp import web

from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.middleware.aiohttp import middleware, trace_application

__all__ = ["install", "middleware", "trace_application", "uninstall"]

_patches = Patches()


def install() -> None:
    """Patch ``Application``; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(web.Application, "__init__", _traced)


def uninstall() -> None:
    """Put the original back; applications that exist stay traced."""
    _patches.undo()


def _traced(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: web.Application, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        safely(trace_application, self)

    return init
