"""How a process may end without its exit functions, and how its last rows are sent nevertheless.

``os._exit`` is what a forked child ends with: of :mod:`multiprocessing` (fork and forkserver), of a job queue's
work horse, of a program's own fork. A pool's workers are ended by SIGTERM.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Any

_closing: list[Callable[[], object]] = []
"""Closes the sender of this process; one at most."""
_ending: list[bool] = []
"""Filled once that has begun."""


def before_exit(close: Callable[[], object]) -> None:
    """Call ``close`` once before ``os._exit``; a later call replaces an earlier one."""
    _closing[:] = [close]
    original = os._exit
    if not getattr(original, "_hopline", False):
        os._exit = _ExitAfterClosing(original)  # type: ignore[assignment]


def ending() -> bool:
    """Whether the last rows of this process are being sent, or have been."""
    return bool(_ending)


def begin_ending() -> None:
    """The last rows are about to be sent: by the exit functions, or before an end without them."""
    _ending[:] = [True]


def close_now() -> None:
    """Send the last rows of this process, once."""
    if not _ending:
        begin_ending()
        with contextlib.suppress(Exception):  # the process ends now, and nobody is left to be told
            for close in _closing:
                close()


def _begin_anew() -> None:
    """A forked child has nothing to send yet, though its parent may be about to end."""
    _closing.clear()
    _ending.clear()


os.register_at_fork(after_in_child=_begin_anew)


class _ExitAfterClosing:
    """``os._exit`` with our rows sent before it."""

    _hopline = True

    def __init__(self, original: Any) -> None:
        self.__wrapped__ = original

    def __call__(self, status: int) -> None:
        close_now()
        self.__wrapped__(status)
