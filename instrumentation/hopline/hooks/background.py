"""Background tasks of Starlette and FastAPI: a local row each, after the server row has ended."""

import functools
from typing import Any

from hopline.hooks.guard import span_or_noop
from hopline.hooks.patch import Patches
from hopline.spans import Span
from hopline.tracer import span

_patches = Patches()


def install() -> None:
    """Patch ``BackgroundTask``; further calls change nothing."""
    from starlette.background import BackgroundTask

    if not _patches.applied:
        _patches.wrap(BackgroundTask, "__call__", _traced)


def uninstall() -> None:
    """Put the original back."""
    _patches.undo()


def _traced(original: Any) -> Any:
    @functools.wraps(original)
    async def call(self: Any) -> None:
        with span_or_noop(_row, self):
            await original(self)

    return call


def _row(task: Any) -> Span:
    return span(f"background {getattr(task.func, '__qualname__', type(task.func).__name__)}")
