"""APScheduler 3: each run of a job is a trace of its own, whatever was current where the scheduler was started."""

import functools
import sys
from inspect import iscoroutinefunction
from typing import Any, Final

from apscheduler.executors import base

from hopline.hooks.around import around, around_async
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.spans import Span
from hopline.tracer import span

_EXECUTORS: Final = ("base", "pool", "debug", "asyncio", "gevent", "tornado", "twisted")
"""Modules that hold the two functions by name; those imported later take ours from the first."""
_RUNNERS: Final = ("run_job", "run_coroutine_job")

_patches = Patches()


def install() -> None:
    """Patch what runs jobs; further calls change nothing."""
    if _patches.applied:
        return
    for name in _EXECUTORS:
        module = base if name == "base" else sys.modules.get(f"apscheduler.executors.{name}")
        for runner in _RUNNERS:
            if module is not None:
                _patches.wrap(module, runner, _with_traced_job)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _with_traced_job(original: Any) -> Any:
    @functools.wraps(original)
    def run(job: Any, *args: Any) -> Any:
        traced = safely(_TracedJob, job) if _patches.applied else None  # executors may have taken ours by name
        return original(traced or job, *args)

    return run


class _TracedJob:
    """A job whose function makes a row; all else is the job's own."""

    def __init__(self, job: Any) -> None:
        self._job = job
        wrapper = around_async if iscoroutinefunction(job.func) else around
        self.func = wrapper(self._row)(job.func)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._job, name)

    def __str__(self) -> str:
        return str(self._job)

    def _row(self, _args: list[Any], _kwargs: dict[str, Any]) -> Span:
        row = span(f"run {self._job.name}", root=True)
        row.attr("scheduler.job.id", self._job.id)
        row.begin()
        return row
