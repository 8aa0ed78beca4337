"""Backup of the embedded store while it runs, and its restoration into an empty folder.

The engine copies its tables itself. Inserts wait meanwhile, so that every table tells of the same
rows; what is posted waits in the journal.
"""

import re
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from hopline_collector.store import embedded
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError, translated
from hopline_collector.store.migrate import migrate
from hopline_collector.store.settings import StoreSettings

_NAME: Final = re.compile(r"[0-9A-Za-z._-]{1,128}")


@dataclass(slots=True)
class Backup:
    """One backup; `folder` holds it when `state` is ``done``."""

    name: str
    folder: str
    state: str = "running"
    trouble: str = ""


class Backups:
    """Makes backups of `store`, one after the other."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, Backup] = {}

    def begin(self) -> Backup:
        """Start one. Raises ValueError where a server keeps the store: it makes its own."""
        settings = self._store.settings
        if not settings.path:
            raise ValueError(f"ask the server itself: BACKUP DATABASE {settings.home} TO Disk('backups', 'NAME')")
        name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(4)}"
        backup = Backup(name, str(Path(settings.backup_folder) / name))
        self._known[name] = backup
        threading.Thread(target=self._make, args=(backup,), name="hopline-backup", daemon=True).start()
        return backup

    def find(self, name: str) -> Backup | None:
        """One that this process began."""
        return self._known.get(name)

    def _make(self, backup: Backup) -> None:
        with self._lock:
            try:
                with self._store.writer() as handle:
                    handle.query(f"BACKUP DATABASE {self._store.settings.home} TO File('{backup.folder}')")
            except Exception as error:
                backup.state, backup.trouble = "failed", str(error)[:500]
                shutil.rmtree(backup.folder, ignore_errors=True)
            else:
                backup.state = "done"


def restore(source: Path, settings: StoreSettings) -> int:
    """Make an embedded store from a backup, and bring its tables up to date; returns how many spans it holds.

    Raises StoreError for a folder that is in use or no backup, and for a backup of a later release.
    """
    target = Path(settings.path)
    if target.exists() and any(target.iterdir()):
        raise StoreError(f"{target} holds something already: name an empty --data folder")
    if not (source / ".backup").is_file() or not _NAME.fullmatch(source.name):
        raise StoreError(f"{source} is no backup of Hopline's: expected a folder with a file .backup")
    inside = replace(settings, backups=str(source.parent))
    try:
        handle: Any = embedded.connect(inside)
        try:
            handle.query(f"RESTORE DATABASE {settings.home} FROM File('{source}')")
        except Exception as error:
            raise translated(error) from error
        finally:
            handle.close()
        store = ClickHouse(inside)
        try:
            migrate(store)
            return int(store.ask(f"SELECT count() FROM {settings.database}.spans")[0][0])
        finally:
            store.close()
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
