"""Counters of what the client did and lost, and one rate-limited warning."""

import logging
import threading
from collections import Counter
from time import monotonic
from typing import Final

WARNING_INTERVAL_S: Final = 60.0

_logger = logging.getLogger("hopline")


class Counts:
    """Named counters. Only rare events come here, so a lock does no harm."""

    __slots__ = ("_counter", "_lock")

    def __init__(self) -> None:
        self._counter: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str, amount: int = 1) -> None:
        """Raise counter ``name`` by ``amount``."""
        if amount:
            with self._lock:
                self._counter[name] += amount

    def snapshot(self) -> dict[str, int]:
        """All counters that are not zero."""
        with self._lock:
            return dict(self._counter)

    def after_fork(self) -> None:
        """Begin anew in a forked child, whose parent may have held the lock."""
        self._lock = threading.Lock()
        self._counter.clear()


class Warner:
    """Says one line a minute at most; the rest is only counted."""

    __slots__ = ("_next", "_withheld")

    def __init__(self) -> None:
        self._next = 0.0
        self._withheld = 0

    def warn(self, message: str) -> None:
        """Log ``message``, or withhold it when one was logged in the last minute."""
        now = monotonic()
        if now < self._next:
            self._withheld += 1
            return
        self._next = now + WARNING_INTERVAL_S
        more = f" ({self._withheld} more warnings withheld)" if self._withheld else ""
        self._withheld = 0
        _logger.warning("%s%s", message, more)
