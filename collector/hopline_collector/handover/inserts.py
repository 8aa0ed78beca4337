"""Where a block is inserted: at once, or on a thread of its own while the next partition's block is built.

The engine holds no lock of Python's, so decoding and inserting go on side by side. What
is inserted, and that nothing is committed before it is stored, is the hand-over's affair.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

Work = Callable[[], None]
Inserts = Callable[[Work], "Future[None]"]
"""Takes work and tells when it is done, or what it raised."""


def at_once(work: Work) -> "Future[None]":
    """Do the work before returning."""
    done: Future[None] = Future()
    _do(work, done)
    return done


class InsertThread:
    """Does one piece of work after the other; a daemon, so a store that hangs keeps no process from ending."""

    def __init__(self, name: str) -> None:
        self._waiting: SimpleQueue[tuple[Work, Future[None]] | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def __call__(self, work: Work) -> "Future[None]":
        """See :data:`Inserts`."""
        done: Future[None] = Future()
        self._waiting.put((work, done))
        return done

    def close(self) -> None:
        """Let the thread end once it has done what it was given."""
        self._waiting.put(None)

    def _run(self) -> None:
        while (found := self._waiting.get()) is not None:
            _do(*found)


def _do(work: Work, done: "Future[None]") -> None:
    try:
        work()
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(None)
