"""Where the settings say the store is; apart from `compose`, whose import takes a second."""

from pathlib import Path
from typing import Final

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_deploy.settings import Settings

_ENGINE_FOLDER: Final = "clickhouse"


def open_store(settings: Settings) -> ClickHouse:
    """The store of the settings; it connects on first use."""
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
