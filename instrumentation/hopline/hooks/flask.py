"""Flask without a change of code: every application serves through the WSGI middleware."""

import functools
from collections.abc import Iterable
from typing import Any

import flask

from hopline.hooks.patch import Patches
from hopline.hooks.wsgi import Environ, StartResponse, TraceMiddleware

_patches = Patches()


def install() -> None:
    """Patch ``Flask.wsgi_app``; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(flask.Flask, "wsgi_app", _traced)


def uninstall() -> None:
    """Put the original back."""
    _patches.undo()


def _traced(original: Any) -> Any:
    @functools.wraps(original)
    def wsgi_app(self: flask.Flask, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return TraceMiddleware(functools.partial(original, self))(environ, start_response)

    return wsgi_app
