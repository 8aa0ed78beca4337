"""Where the settings say the store is; apart from `compose`, whose import takes a second."""

import logging
from pathlib import Path
from typing import Final

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import StoreError
from hopline_deploy.settings import Settings

JOURNAL_FOLDER: Final = "journal"
"""Within the data folder."""

_ENGINE_FOLDER: Final = "clickhouse"


def open_existing(settings: Settings) -> ClickHouse:
    """The same for those who look and make nothing. Raises `StoreError` where the embedded engine has no folder."""
    store = open_store(settings)
    if store.settings.path and not Path(store.settings.path).is_dir():
        raise StoreError(f"no store in {settings.data}: name its folder with --data")
    return store


def open_store(settings: Settings) -> ClickHouse:
    """The store of the settings; it connects on first use."""
    # Its errors reach us; a log line of its own beside each would say less.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    path = "" if settings.clickhouse else str(Path(settings.data).absolute() / _ENGINE_FOLDER)
    return ClickHouse(
        StoreSettings(
            path=path,
            url=settings.clickhouse,
            database=settings.database,
            cluster=settings.cluster,
            replicated=settings.replicated,
            insert_quorum=settings.insert_quorum,
            free_disk_bytes=settings.free_disk_bytes,
            fsync=settings.fsync,
        )
    )
