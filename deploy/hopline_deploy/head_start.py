"""The store opened and its tables made while the rest of the program is still loading.

Loading holds Python's lock, making tables the engine's threads: side by side they take
what the longer of them takes.
"""

import logging
import sys
import threading
from typing import Final

from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError
from hopline_collector.store.migrate import migrate

log = logging.getLogger(__name__)

_TURN_SECONDS: Final = 0.001
"""Between two of a hundred statements the lock is wanted for a moment, and is held by what loads."""


class HeadStart:
    """Works on a thread of its own from the start; whatever fails is left to those who need the store, to be told."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store
        self._before = sys.getswitchinterval()
        sys.setswitchinterval(_TURN_SECONDS)
        self._thread = threading.Thread(target=self._run, name="hopline-head-start", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for migration in migrate(self._store):
                log.info("applied migration %d %s", migration.version, migration.name)
        except StoreError as error:
            log.debug("no head start: %s", error)
        except Exception:
            log.debug("no head start", exc_info=True)

    def end(self) -> None:
        """Wait for it: nobody may leave the process while a thread is in the engine."""
        self._thread.join()
        sys.setswitchinterval(self._before)
        self._store.close()
