"""What one request may take: its statements end together, when its time is over or when nobody waits any more."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from uuid import uuid4

from hopline_query.errors import QueryError, QueryTimeoutError

AGAIN_SECONDS: Final = 0.1
"""A statement that was not found running may be on its way to the engine: it is looked for again."""

TRIES: Final = 50

Cancel = Callable[[str], None]
"""Ends the statement of that name in the store."""


class Budget:
    """The statements of one request, which may be asked from several threads.

    :meth:`end` ends the running one and refuses all later ones.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: dict[str, Cancel] = {}
        self._over: QueryError | None = None

    def check(self) -> None:
        """Raise what the request ended with."""
        if self._over is not None:
            raise type(self._over)(self._over.message) from None

    @contextmanager
    def statement(self, cancel: Cancel) -> Iterator[str]:
        """The name of a statement while it runs; raises :class:`QueryError` where the request is over."""
        name = f"hopline-{uuid4().hex}"
        with self._changed:
            self.check()
            self._running[name] = cancel
        try:
            yield name
        except Exception:
            self.check()
            raise
        finally:
            with self._changed:
                del self._running[name]
                self._changed.notify_all()

    def end(self, reason: QueryError) -> None:
        """End the request: returns when no statement of it runs, or after :data:`TRIES`."""
        with self._changed:
            self._over = self._over or reason
        for _ in range(TRIES):
            with self._changed:
                running = list(self._running.items())
            if not running:
                return
            for name, cancel in running:
                cancel(name)
            with self._changed:
                if self._running:
                    self._changed.wait(AGAIN_SECONDS)


CURRENT: Final[ContextVar[Budget | None]] = ContextVar("hopline_budget", default=None)
"""The request that this thread or task works for."""


def too_long() -> QueryError:
    """The request's time is over."""
    return QueryTimeoutError("the question took too long: try a smaller range")


def left() -> QueryError:
    """Whoever asked closed the connection."""
    return QueryTimeoutError("nobody waits for the answer any more")
