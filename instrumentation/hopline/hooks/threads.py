"""Threads and executors keep the context of the code that started them.

``create_task``, ``to_thread`` and Starlette's thread pool copy the context by
themselves; ``Thread``, ``ThreadPoolExecutor.submit`` and with it
``run_in_executor`` do not.
"""

import functools
import threading
from collections.abc import Callable, MutableMapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from hopline import tracer as tracing
from hopline.context import Active, current
from hopline.hooks.guard import span_or_noop
from hopline.hooks.on_import import ImportWatch
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.propagation import outbound
from hopline.spans import Span

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

P = ParamSpec("P")
R = TypeVar("R")

_patches = Patches()
_watch = ImportWatch()
"""Executors bring half of the standard library, so they are patched when a program imports them."""


def install() -> None:
    """Patch ``Thread.start`` and ``ThreadPoolExecutor.submit``; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(threading.Thread, "start", _start)
        _watch.when_imported("concurrent.futures.thread", _patch_executor)


def _patch_executor() -> None:
    from concurrent.futures import ThreadPoolExecutor

    _patches.wrap(ThreadPoolExecutor, "submit", _submit)


def uninstall() -> None:
    """Put the originals back."""
    _watch.forget()
    _patches.undo()


def _start(original: Any) -> Any:
    @functools.wraps(original)
    def start(self: threading.Thread) -> None:
        span = current.get()
        if span is not None and span is not NOOP:
            # The instance's own run, so that a subclass that overrides run() is served as well.
            self.run = functools.partial(copy_context().run, self.run)  # type: ignore[method-assign]
        original(self)

    return start


def _submit(original: Any) -> Any:
    @functools.wraps(original)
    def submit(self: "ThreadPoolExecutor", fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Any:
        span = current.get()
        if span is None or span is NOOP:
            return original(self, fn, *args, **kwargs)
        run = copy_context().run
        with Active(None):  # a worker thread that this call starts outlives the work: it gets no context
            return original(self, run, fn, *args, **kwargs)

    return submit


def for_process_pool(function: Callable[P, R], name: str = "") -> Callable[P, R]:
    """``function`` for a process pool: its rows in the worker continue the trace of the code that calls this.

    Everything handed to a pool is pickled, so ``function`` must be importable. The
    worker's row takes the next child number and is of kind ``local``.
    """
    span = current.get()
    carrier: MutableMapping[str, str] = {}
    if span is not None and span is not NOOP:
        carrier.update(outbound.headers(span))
    return functools.partial(_in_worker, carrier, name or function.__qualname__, function)


def _in_worker(carrier: MutableMapping[str, str], name: str, function: Callable[P, R], *args: Any, **kwargs: Any) -> R:
    if not carrier:
        return function(*args, **kwargs)
    with span_or_noop(_worker_row, name, carrier):
        return function(*args, **kwargs)


def _worker_row(name: str, carrier: MutableMapping[str, str]) -> Span:
    return tracing.active().receive(name, carrier, "local")
