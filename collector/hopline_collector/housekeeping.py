"""What has to be done now and then beside the hand-over: pairing of calls, retention, thinning."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from hopline_collector import pairing
from hopline_collector.store import archive, retention, thinning
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.retention import RetentionSettings
from hopline_collector.store.thinning import ThinningSettings

log = logging.getLogger(__name__)

PAIRING_SECONDS: Final = 20.0
RETENTION_SECONDS: Final = 3_600.0


class Housekeeper:
    """Runs each chore when it is due. A chore that fails is told, and tried again when it is due again."""

    def __init__(
        self,
        store: ClickHouse,
        settings: RetentionSettings,
        thin: ThinningSettings | None = None,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._store = store
        self._settings = settings
        self._thin_settings = thin or ThinningSettings()
        self._clock = clock
        self._stop = threading.Event()
        self._chores: list[tuple[Callable[[], None], float]] = [
            (self._pair, PAIRING_SECONDS),
            (self._retain, RETENTION_SECONDS),
            (self._thin, RETENTION_SECONDS),
        ]
        self._due = [0.0] * len(self._chores)

    def run(self, stop: threading.Event) -> None:
        """Do what is due until ``stop`` is set."""
        self._stop = stop
        while not stop.is_set():
            self.work(time.monotonic())
            stop.wait(5.0)

    def work(self, now: float) -> None:
        """Do what is due at ``now`` seconds."""
        for number, (chore, seconds) in enumerate(self._chores):
            if now >= self._due[number]:
                self._due[number] = now + seconds
                try:
                    chore()
                except Exception as error:
                    log.warning("%s failed: %s", chore.__name__, error)

    def _pair(self) -> None:
        pairing.settle(self._store, self._clock())

    def _retain(self) -> None:
        archive.refresh(self._store)
        today = datetime.fromtimestamp(self._clock() / 1_000_000, UTC).date()
        for gone in retention.apply(self._store, self._settings, today):
            log.info("dropped partition %s of %s, %d rows", gone.partition, gone.table, gone.rows)

    def _thin(self) -> None:
        for found in thinning.thin(self._store, self._thin_settings, self._clock(), pause=self._stop.wait):
            log.info("thinned %s, %d traces went", found.day, found.traces)
