"""Starlette and FastAPI without a change of code: every application serves through the ASGI middleware."""

import functools
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware

from hopline.hooks import background
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.middleware.asgi import TraceMiddleware
from hopline.middleware.asgi_scope import Receive, Scope, Send

_patches = Patches()


def install() -> None:
    """Patch the serving of applications; further calls change nothing."""
    if not _patches.applied:
        background.install()
        _patches.wrap(Starlette, "__call__", _traced)


def uninstall() -> None:
    """Put the originals back; applications that have served a request stay traced."""
    _patches.undo()
    background.uninstall()


def _traced(original: Any) -> Any:
    @functools.wraps(original)
    async def call(self: Starlette, scope: Scope, receive: Receive, send: Send) -> None:
        if self.middleware_stack is None:
            safely(_put_first, self)
        await original(self, scope, receive, send)

    return call


def _put_first(app: Starlette) -> None:
    classes: list[Any] = [one.cls for one in app.user_middleware]
    if TraceMiddleware not in classes:
        app.user_middleware.insert(0, Middleware(TraceMiddleware))
