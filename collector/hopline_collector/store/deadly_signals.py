"""A process that crashes has to end, so that it is started anew; the embedded engine would keep it.

When its library is loaded, and each time the engine starts, it catches SIGSEGV, SIGABRT
and their like to write a report. Inside Python that handler never returns: the process
stays, holds its ports and its folder, and does nothing. So whatever was to happen before
(death, or the stacks of ``faulthandler``) is put back.
"""

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

DEADLY: Final = (
    *(signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV),
    signal.SIGSYS,
)

_SIGACTION_BYTES: Final = 512
"""More than ``struct sigaction`` takes on any system of ours (152 on Linux/x86-64)."""

_lock = threading.Lock()


@contextmanager
def as_before() -> Iterator[None]:
    """Whatever the block does to the handlers of :data:`DEADLY` is undone. One thread at a time."""
    libc = ctypes.CDLL(None)
    with _lock:
        kept = {number: ctypes.create_string_buffer(_SIGACTION_BYTES) for number in DEADLY}
        for number, action in kept.items():
            libc.sigaction(number, None, action)
        try:
            yield
        finally:
            for number, action in kept.items():
                libc.sigaction(number, action, None)
