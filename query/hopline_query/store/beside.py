"""Two questions at once: what one answer needs of the store is asked side by side where a core is free."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar

Answer = TypeVar("Answer")

THREADS: Final = max(1, min(4, (os.cpu_count() or 2) - 1))
"""Questions that may be asked beside others at any time, so that many readers never take handles twice over."""

_free = threading.BoundedSemaphore(THREADS)
_threads = ThreadPoolExecutor(THREADS, "hopline-beside")


def beside(ask: Callable[[], Answer]) -> Callable[[], Answer]:
    """Begin ``ask`` in a thread of its own, for the same request; the callable that is returned waits for its answer.

    Where no thread is free it is asked only then. What ``ask`` raises, the callable raises.
    """
    if not _free.acquire(blocking=False):
        return ask
    asked: Future[Answer] = _threads.submit(copy_context().run, _ask_and_free, ask)
    return asked.result


def _ask_and_free(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    finally:
        _free.release()
