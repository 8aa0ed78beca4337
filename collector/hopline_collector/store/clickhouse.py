"""Connections to ClickHouse: the engine inside this process, or a server by URL.

The embedded engine has habits that every caller would have to know; they are kept
here. One process owns a folder, and a second one gets no reason. A handle whose
statement failed may hand the failed statement's bytes to the next one, so a handle
is thrown away after any exception. ``readonly`` sticks to a handle, so reading has
handles of its own. Leaving the process while a thread is inside a query crashes it,
so :meth:`ClickHouse.close` ends the queries first. Never open it before a fork.
"""

import logging
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hopline_collector.store import deadly_signals
from hopline_collector.store.errors import StoreAwayError, StoreBusyError, StoreError, StoreHeldError

log = logging.getLogger(__name__)

_TMP_FOLDER: Final = "hopline-tmp"
_CLOSE_SECONDS: Final = 8.0


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the store is and what one query may cost. Give ``path`` or ``url``."""

    path: str = ""
    """Folder of the embedded engine."""
    url: str = ""
    """``http://user:password@host:8123`` of a server."""
    database: str = "hopline"
    cluster: str = ""
    """Name of the server's cluster; empty = one server."""
    fsync: bool = False
    """Survive power loss, not only the death of the process (costs a quarter to a third of the rate)."""
    memory_bytes: int = 1_500_000_000
    """Bound of the embedded engine over all queries."""
    readers: int = 8
    """How many read handles may be in use at once."""
    reader_wait_seconds: float = 2.0
    query_seconds: int = 10
    query_memory_bytes: int = 400_000_000
    free_disk_bytes: int = 1_000_000_000
    """Inserts are refused below this much free space, so that merges and deletes keep room."""


class ClickHouse:
    """One writer handle and a bounded pool of read-only handles; connects on first use.

    Thread-safe. A handle is given to one thread at a time.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self.settings = settings
        self.database = settings.database
        self._writer: Any = None
        self._writer_lock = threading.RLock()
        self._idle: list[Any] = []
        self._idle_lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(settings.readers)
        self._closing = False

    @contextmanager
    def writer(self) -> Iterator[Any]:
        """The one handle that writes, exclusively; after an exception the next caller gets a new one."""
        with self._writer_lock:
            if self._closing:
                raise StoreAwayError("the store is closing")
            if self._writer is None:
                self._writer = self._connect()
            try:
                yield self._writer
            except BaseException:
                discarded, self._writer = self._writer, None
                _close_quietly(discarded)
                raise

    @contextmanager
    def reader(self) -> Iterator[Any]:
        """A read-only handle with the limits of the settings.

        Raises :class:`StoreBusyError` when none came free in ``reader_wait_seconds``.
        """
        if not self._slots.acquire(timeout=self.settings.reader_wait_seconds):
            raise StoreBusyError("every read handle is in use")
        try:
            handle = self._take_reader()
            try:
                yield handle
            except BaseException:
                _close_quietly(handle)
                raise
            with self._idle_lock:
                self._idle.append(handle)
        finally:
            self._slots.release()

    def check(self) -> None:
        """Return when the store answers; raise :class:`StoreError` when it does not."""
        try:
            with self.reader() as handle:
                handle.command("SELECT 1")
        except StoreError:
            raise
        except Exception as error:
            raise StoreAwayError(str(error)) from error

    def detached_parts(self) -> int:
        """How many parts the engine set aside as broken; more than 0 means rows are missing."""
        cluster = self.settings.cluster
        parts = f"clusterAllReplicas('{cluster}', system.detached_parts)" if cluster else "system.detached_parts"
        with self.reader() as handle:
            found = handle.query(
                # On a cluster the parts are those of the local tables beside the distributed ones, on every server.
                f"SELECT count() FROM {parts}"
                " WHERE database IN ({database:String}, concat({database:String}, '_local'))",
                parameters={"database": self.database},
            )
        return int(found.result_rows[0][0])

    def close(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """End what runs, wait up to ``seconds`` until its threads give the handles back, close every handle.

        False: something is in the engine still, and to leave the interpreter in the usual way would crash.
        """
        self._closing = True
        deadline = time.monotonic() + seconds
        taken = 0
        for _ in range(self.settings.readers):
            if not self._in_time(self._slots.acquire, deadline):
                log.warning("a query did not end in time")
                break
            taken += 1
        with self._idle_lock:
            idle, self._idle = self._idle, []
        for handle in idle:
            _close_quietly(handle)
        let_go = self._in_time(self._writer_lock.acquire, deadline)
        if let_go:
            discarded, self._writer = self._writer, None
            self._writer_lock.release()
            _close_quietly(discarded)
        else:
            log.warning("an insert did not end in time")
        for _ in range(taken):
            self._slots.release()
        return let_go and taken == self.settings.readers

    def _in_time(self, acquire: Callable[..., bool], deadline: float) -> bool:
        """Acquire; what stands in the way is ended in the engine."""
        if acquire(blocking=False):
            return True
        self._kill_queries()
        return acquire(timeout=max(0.0, deadline - time.monotonic()))

    def _take_reader(self) -> Any:
        if self._closing:
            raise StoreAwayError("the store is closing")
        with self._idle_lock:
            if self._idle:
                return self._idle.pop()
        if not self.settings.path:
            return _connect_server(self.settings, _reader_limits(self.settings))
        handle = self._connect()
        try:
            limits = _reader_limits(self.settings)
            handle.command("SET " + ", ".join(f"{name} = {value}" for name, value in limits.items()))
        except BaseException:
            _close_quietly(handle)
            raise
        return handle

    def _kill_queries(self) -> None:
        if not self.settings.path:
            return
        try:
            killer = self._connect()
            killer.command("KILL QUERY WHERE query_id != queryID() ASYNC")
            _close_quietly(killer)
        except Exception:
            log.debug("could not end running queries", exc_info=True)

    def _connect(self) -> Any:
        if self.settings.path:
            return _connect_embedded(self.settings)
        # Inserts return when the shards have the rows, not when the first server has a file of them.
        return _connect_server(self.settings, {"distributed_foreground_insert": 1} if self.settings.cluster else None)


def _connect_embedded(settings: StoreSettings) -> Any:
    with deadly_signals.as_before():
        return _open_engine(settings)


def _open_engine(settings: StoreSettings) -> Any:
    import clickhouse_connect

    path = Path(settings.path)
    path.mkdir(parents=True, exist_ok=True)
    _use_own_tmp(path)
    options = {
        "max_server_memory_usage": settings.memory_bytes,
        "mark_cache_size": 200_000_000,
        "index_mark_cache_size": 100_000_000,
    }
    try:
        return clickhouse_connect.get_client(interface="chdb", path=str(path), chdb_options=options)
    except Exception as error:
        if "EmbeddedServer" in str(error):
            raise StoreHeldError(str(path), _holder(path)) from error
        raise StoreAwayError(str(error)) from error


def _connect_server(settings: StoreSettings, session: Mapping[str, int] | None = None) -> Any:
    import clickhouse_connect

    try:
        return clickhouse_connect.get_client(
            dsn=settings.url,
            autogenerate_session_id=False,
            connect_timeout=5,
            send_receive_timeout=settings.query_seconds * 6,
            query_retries=0,
            settings=dict(session or {}),
        )
    except Exception as error:
        raise StoreAwayError(str(error)) from error


def _reader_limits(settings: StoreSettings) -> Mapping[str, int]:
    """Limits first, ``readonly`` last: nothing can be set after it."""
    return {
        "max_execution_time": settings.query_seconds,
        "max_memory_usage": settings.query_memory_bytes,
        "max_threads": 2,
        # Pairing calls groups millions of rows in the order of their table: one group at a time in memory.
        "optimize_aggregation_in_order": 1,
        "readonly": 1,
    }


_own_tmp_lock = threading.Lock()


def _use_own_tmp(path: Path) -> None:
    """Point temporary files (each insert makes one) at a folder of ours, swept when first used.

    A killed process leaves its file behind, and the system's folder is nobody's to sweep.
    """
    folder = path / _TMP_FOLDER
    with _own_tmp_lock:
        if tempfile.tempdir == str(folder):
            return
        if _holder(path) is None:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        tempfile.tempdir = str(folder)


def _holder(path: Path) -> int | None:
    """The live process that wrote the engine's ``status`` file, if any."""
    try:
        found = re.search(r"PID:\s*(\d+)", (path / "status").read_text())
    except OSError:
        return None
    if found is None or not Path(f"/proc/{found[1]}").exists():
        return None
    return int(found[1])


def _close_quietly(handle: Any) -> None:
    if handle is None:
        return
    try:
        handle.close()
    except Exception:
        log.debug("closing a handle failed", exc_info=True)
