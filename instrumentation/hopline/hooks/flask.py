"""Flask without a change of code: every application serves through the WSGI middleware.

Flask answers 500 for an error that no handler took; its signal tells which error it was.
"""

import functools
from collections.abc import Iterable
from typing import Any

import flask

from hopline.api import current_span
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.middleware.wsgi import Environ, StartResponse, TraceMiddleware

_patches = Patches()


def install() -> None:
    """Patch ``Flask.wsgi_app`` and listen for errors; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(flask.Flask, "wsgi_app", _traced)
        flask.got_request_exception.connect(_failed)


def uninstall() -> None:
    """Put the original back."""
    _patches.undo()
    flask.got_request_exception.disconnect(_failed)


def _failed(_app: flask.Flask, exception: BaseException, **_: Any) -> None:
    safely(current_span().record_exception, exception)


def _traced(original: Any) -> Any:
    @functools.wraps(original)
    def wsgi_app(self: flask.Flask, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return TraceMiddleware(functools.partial(original, self))(environ, start_response)

    return wsgi_app
