"""What a library leaves to the garbage collector, collected where it belongs."""

import gc
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from support import wait_until


def collect_refused_sockets() -> None:
    """Free the sockets that kafka-python leaves open when a broker refuses it.

    They warn when they are collected, and would fail whichever test runs then.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@contextmanager
def senders_end() -> Iterator[None]:
    """Wait at the end for the threads that were started to send, ours and kafka-python's, and collect what they held.

    A shutdown gives up on a broker that is away while they still hold the socket it refused;
    what a library leaves behind shows in the test that caused it.
    """
    before = set(threading.enumerate())
    yield
    wait_until(
        lambda: not [t for t in threading.enumerate() if t.name.startswith(("hopline-", "kafka-")) and t not in before],
        deadline=60,
        what="the end of the threads that send",
    )
    gc.collect()
