"""What has to be done now and then beside the hand-over: pairing of calls, retention, thinning."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from hopline_collector.audit import Record, unrecorded
from hopline_collector.chores import archive, disk_share, old_rules, pairing, retention, thinning
from hopline_collector.chores.announced import Notice
from hopline_collector.chores.retention import RetentionSettings
from hopline_collector.chores.thinning import ThinningSettings
from hopline_collector.store.clickhouse import ClickHouse

log = logging.getLogger(__name__)

PAIRING_SECONDS: Final = 20.0
RETENTION_SECONDS: Final = 3_600.0
ROUND_SECONDS: Final = 5.0


Chore = Callable[[ClickHouse, int], object]
"""Work on a store at a time, microseconds since the epoch. Safe to repeat, to race and to die in."""


class Housekeeper:
    """Runs each chore when it is due. A chore that fails is told, and tried again when it is due again.

    ``more`` are chores of other packages that run at every round, every :data:`ROUND_SECONDS`. Without ``notice``
    retention acts on its plan at once.
    """

    def __init__(
        self,
        store: ClickHouse,
        settings: RetentionSettings,
        thin: ThinningSettings | None = None,
        *,
        more: Sequence[Chore] = (),
        record: Record = unrecorded,
        notice: Notice | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._store = store
        self._settings = settings
        self._thin_settings = thin or ThinningSettings()
        self._clock = clock
        self._record = record
        self._notice = notice
        self._stop = threading.Event()
        self._chores: list[tuple[Callable[[], None], float]] = [
            (self._pair, PAIRING_SECONDS),
            (self._retain, RETENTION_SECONDS),
            (self._thin, RETENTION_SECONDS),
            *((partial(self._do, chore), 0.0) for chore in more),
        ]
        self._due = [0.0] * len(self._chores)

    def run(self, stop: threading.Event) -> None:
        """Do what is due until ``stop`` is set."""
        self._stop = stop
        while not stop.is_set():
            self.work(time.monotonic())
            stop.wait(ROUND_SECONDS)

    def work(self, now: float) -> None:
        """Do what is due at ``now`` seconds."""
        for number, (chore, seconds) in enumerate(self._chores):
            if now >= self._due[number]:
                self._due[number] = now + seconds
                try:
                    chore()
                except Exception as error:
                    log.warning("%s failed: %s", getattr(chore, "__name__", chore), error)

    def _do(self, chore: Chore) -> None:
        chore(self._store, self._clock())

    def _pair(self) -> None:
        pairing.settle(self._store, self._clock())

    def _retain(self) -> None:
        archive.refresh(self._store)
        today = datetime.fromtimestamp(self._clock() / 1_000_000, UTC).date()
        aged = retention.plan(self._store, self._settings, today)
        planned = [*aged, *disk_share.plan(self._store, self._settings.disk_share, today, aged)]
        dropped = self._notice.due(self._settings, planned, self._clock()) if self._notice else planned
        retention.drop(self._store, dropped)
        for gone in dropped:
            log.info("dropped partition %s of %s, %d rows", gone.partition, gone.table, gone.rows)
        retention.record_drops(self._record, dropped)
        if number := old_rules.drop(self._store, self._clock()):
            log.info("dropped %d snapshots of rules that no plan can name any more", number)

    def _thin(self) -> None:
        for found in thinning.thin(self._store, self._thin_settings, self._clock(), pause=self._stop.wait):
            log.info("thinned %s, %d traces went", found.day, found.traces)
            self._record("thinning", day=str(found.day), traces=found.traces)
