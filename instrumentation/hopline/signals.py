"""Signals are the application's: no thread of ours takes one.

The kernel hands a signal of a process to any thread that does not block it. In a thread of ours it
would do nothing at once, for Python runs its handlers in the main thread, which may sleep on in a
system call that the signal was to interrupt; and an application that waits by ``sigwait`` would miss it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OF_THE_THREAD: Final = {signal.SIGSEGV, signal.SIGFPE, signal.SIGBUS, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP}
"""What a thread does to itself, such as a crash: who wants to report it must see it."""


@contextmanager
def signals_left_to_others() -> Iterator[None]:
    """A thread that is started inside, and each that it starts, takes no signal of the process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _OF_THE_THREAD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
