"""The engine inside this process.

It has habits that every caller would have to know; they are kept here. One process owns
a folder, and a second one gets no reason. It must not be opened before a fork. Each
insert makes a temporary file. It catches the signals that end a process.
"""

import os
import re
import shutil
import tempfile
import threading
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from hopline_collector.store import deadly_signals
from hopline_collector.store.errors import StoreAwayError, StoreHeldError
from hopline_collector.store.settings import StoreSettings

_TMP_FOLDER: Final = "hopline-tmp"

_own_tmp_lock = threading.Lock()


def connect(settings: StoreSettings) -> Any:
    """A handle of the engine over ``settings.path``. Raises :class:`StoreHeldError`, :class:`StoreAwayError`."""
    with deadly_signals.as_before():
        return _open_engine(settings)


@cache
def _read_ahead() -> None:
    """Have the system read the engine's half a gigabyte in order: page by page a cold start takes ten times as long."""
    found = find_spec("chdb")
    for folder in (found and found.submodule_search_locations) or ():
        for library in Path(folder).glob("_chdb*.so"):
            with suppress(OSError, AttributeError), library.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _open_engine(settings: StoreSettings) -> Any:
    _read_ahead()
    import clickhouse_connect

    path = Path(settings.path)
    path.mkdir(parents=True, exist_ok=True)
    _use_own_tmp(path)
    options = {
        "max_server_memory_usage": settings.memory_bytes,
        "mark_cache_size": 200_000_000,
        "index_mark_cache_size": 100_000_000,
        "backups.allowed_path": settings.backup_folder,
    }
    try:
        return clickhouse_connect.get_client(interface="chdb", path=str(path), chdb_options=options)
    except Exception as error:
        if "EmbeddedServer" in str(error):
            raise StoreHeldError(str(path), holder(path)) from error
        raise StoreAwayError(str(error)) from error


def _use_own_tmp(path: Path) -> None:
    """Point temporary files (each insert makes one) at a folder of ours, swept when first used.

    A killed process leaves its file behind, and the system's folder is nobody's to sweep.
    """
    folder = path / _TMP_FOLDER
    with _own_tmp_lock:
        if tempfile.tempdir == str(folder):
            return
        if holder(path) is None:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        tempfile.tempdir = str(folder)


def holder(path: Path) -> int | None:
    """The live process that wrote the engine's ``status`` file, if any."""
    try:
        found = re.search(r"PID:\s*(\d+)", (path / "status").read_text())
    except OSError:
        return None
    if found is None or not Path(f"/proc/{found[1]}").exists():
        return None
    return int(found[1])
