"""A worker of :mod:`multiprocessing` that SIGTERM would kill at once, as it does a pool's, sends its rows first.

Python runs a handler in the main thread and no sooner than that thread comes back to Python. It may be in a long
call of a C library, or asleep on a semaphore: ``sem_wait`` that is woken as the signal comes, finds the
semaphore taken and sleeps again, so that the signal is lost and whoever joins the worker waits for ever.
So a thread of ours watches: it hears of the signal through the wake-up file of :func:`signal.set_wakeup_fd`,
rouses the main thread, and ends the process itself where that does not help.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

from hopline.process_end import before_exit, close_now, ending
from hopline.signals import signals_left_to_others

_PATIENCE_S: Final = 1.0
"""How long the main thread may take to come back to Python."""
_LAST_S: Final = 10.0
"""How long a process that has begun to end may take to do so."""
_AGAIN_S: Final = 0.02

_wake_up_files: list[int] = []
"""Read and write end, once this process is watched."""


def before_end(close: Callable[[], object]) -> None:
    """Call ``close`` once before ``os._exit`` or SIGTERM ends this process; a later call replaces an earlier one.

    SIGTERM counts in a worker alone, and where it has no handler of its own.
    """
    before_exit(close)
    if "multiprocessing.process" not in sys.modules:
        return
    import multiprocessing

    if multiprocessing.parent_process() is None or threading.current_thread() is not threading.main_thread():
        return
    handler = signal.getsignal(signal.SIGTERM)
    if handler is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _die)
    if handler in {signal.SIG_DFL, _die} and not _wake_up_files:
        _watch()


def _die(number: int, _frame: object) -> None:
    if ending():
        return  # the worker ends by itself just now, and this would cut it short
    close_now()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _watch() -> None:
    """Start the thread, unless somebody else in this process is woken by signals."""
    heard, written = os.pipe()
    os.set_blocking(written, False)
    other = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    if other != -1:
        signal.set_wakeup_fd(other)
        os.close(heard)
        os.close(written)
        return
    _wake_up_files[:] = [heard, written]
    with signals_left_to_others():
        threading.Thread(target=_listen, args=(heard,), name="hopline-end", daemon=True).start()


def _listen(heard: int) -> None:
    while number := os.read(heard, 1):
        if number[0] == signal.SIGTERM and signal.getsignal(signal.SIGTERM) is _die:
            _rouse()


def _rouse() -> None:
    """See that the process ends though its main thread does not hear, or hangs while it ends."""
    deadline = monotonic() + _PATIENCE_S
    while not ending() and monotonic() < deadline:
        sleep(_AGAIN_S)
        if not ending():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    if ending():
        sleep(_LAST_S)
    close_now()
    os.kill(os.getpid(), signal.SIGKILL)  # a handler can be taken back in the main thread only


def _begin_anew() -> None:
    """A forked child must not tell its parent of its own signals."""
    if _wake_up_files:
        other = signal.set_wakeup_fd(-1)
        if other != _wake_up_files[1]:
            signal.set_wakeup_fd(other)
        for file in _wake_up_files:
            os.close(file)
        _wake_up_files.clear()


os.register_at_fork(after_in_child=_begin_anew)
