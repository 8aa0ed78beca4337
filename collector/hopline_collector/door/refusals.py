"""Requests that were refused for their token: each is counted, each token is in the audit log once a minute."""

import threading
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from hopline_collector.audit import Record, digest

_QUIET_SECONDS: Final = 60.0
_MOST: Final = 100
"""Lines a minute: somebody who tries tokens must not fill the disk."""


class Refusals:
    """A counter of refused requests, and lines for those that showed a token. Thread-safe."""

    def __init__(
        self, registry: CollectorRegistry, record: Record, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._record = record
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: set[str] = set()
        self._since = clock()
        self._refused = Counter(
            "hopline_refused_tokens", "Requests refused for their token, by status.", ["status"], registry=registry
        )
        for status in ("401", "403"):
            self._refused.labels(status)

    def note(self, status: int, token: str, needed: str, address: str) -> None:
        """A request from `address` got 401 (no good token) or 403 (a token without the scope that was `needed`)."""
        self._refused.labels(str(status)).inc()
        if token and self._is_news(secret := digest(token)):
            self._record("refused", status=status, sha256=secret, needed=needed, address=address)

    def _is_news(self, secret: str) -> bool:
        with self._lock:
            if self._clock() - self._since >= _QUIET_SECONDS:
                self._noted.clear()
                self._since = self._clock()
            if secret in self._noted or len(self._noted) >= _MOST:
                return False
            self._noted.add(secret)
            return True
