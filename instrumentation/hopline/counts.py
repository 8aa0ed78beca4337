"""Counters of what the client did and lost, and one rate-limited warning."""

import threading
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging

WARNING_INTERVAL_S: Final = 60.0


def logger() -> "logging.Logger":
    """Ours; the module is a third of what `import hopline` costs, so it is imported with the first line."""
    import logging

    return logging.getLogger("hopline")


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
    """Says one line a minute of each kind of trouble; the rest is only counted."""

    __slots__ = ("_next", "_withheld")

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        self._withheld: Counter[str] = Counter()

    def warn(self, kind: str, message: str) -> None:
        """Log ``message``, or withhold it when one of this ``kind`` was logged in the last minute."""
        now = monotonic()
        if now < self._next.get(kind, 0.0):
            self._withheld[kind] += 1
            return
        self._next[kind] = now + WARNING_INTERVAL_S
        withheld = self._withheld.pop(kind, 0)
        logger().warning("%s%s", message, f" ({withheld} more warnings withheld)" if withheld else "")
