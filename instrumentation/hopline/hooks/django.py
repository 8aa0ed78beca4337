"""Django without a change of code: the middleware is put first when a handler loads its middleware.

The project's settings stay as they are.
"""

import functools
from typing import Any, Final

from django.conf import settings
from django.core.handlers.base import BaseHandler

from hopline.hooks.patch import Patches
from hopline.middleware.django import TraceMiddleware, template

__all__ = ["NAME", "TraceMiddleware", "install", "template", "uninstall"]

NAME: Final = "hopline.middleware.django.TraceMiddleware"
_FORMER_NAME: Final = "hopline.hooks.django.TraceMiddleware"

_patches = Patches()


def install() -> None:
    """Patch the loading of middleware; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(BaseHandler, "load_middleware", _with_ours)


def uninstall() -> None:
    """Put the original back."""
    _patches.undo()


def _with_ours(original: Any) -> Any:
    @functools.wraps(original)
    def load_middleware(self: BaseHandler, *args: Any, **kwargs: Any) -> None:
        configured = settings.MIDDLEWARE
        if NAME not in configured and _FORMER_NAME not in configured:
            settings.MIDDLEWARE = [NAME, *configured]
        try:
            original(self, *args, **kwargs)
        finally:
            settings.MIDDLEWARE = configured

    return load_middleware
