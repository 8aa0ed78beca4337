"""The local journal: a durable queue in one SQLite file, for when there is no Kafka.

It takes the topic's place with the same guarantees: :meth:`Journal.append` returns
after the commit, so an acknowledged body survives the death of the process, and the
hand-over reads from it as from a partition. One thread writes; whatever waits when it
is ready becomes one transaction (group commit). Entries are deleted once handed over;
offsets never repeat.
"""

import logging
import queue
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hopline_collector.block.core import Message
from hopline_collector.sources.source import Arrived, Assigned, Event, PartitionKey, Position, SourceError

log = logging.getLogger(__name__)

BATCH_SECONDS: Final = 3_600
"""How long a batch id is remembered."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
  offset INTEGER PRIMARY KEY AUTOINCREMENT, format TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS positions (partition INTEGER PRIMARY KEY, offset INTEGER NOT NULL, metadata TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batches (id TEXT PRIMARY KEY, at INTEGER NOT NULL, answer BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS batches_at ON batches (at);
CREATE TABLE IF NOT EXISTS identity (name TEXT NOT NULL);
"""
_KNOWN: Final = "SELECT answer FROM batches WHERE id = ? AND at > ?"
_ANY_BEFORE: Final = "SELECT 1 FROM entries WHERE offset < ? LIMIT 1"
_READ_BYTES: Final = 8 * 1024 * 1024
_READ_ENTRIES: Final = 500
_PAGE_BYTES: Final = 32_768
"""Bodies are some 10 kB: with SQLite's usual 4 kB a third more CPU goes into pages."""
_WAL_BYTES: Final = 16 * 1024 * 1024
_WAL_SHARE: Final = 8
"""The log of changes may take this part of the space that is free, where that is less."""
_GROUP: Final = 256
_COMMIT_SECONDS: Final = 30.0


class JournalFullError(Exception):
    """More waits to be handed over than the journal may hold: try again later."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A body's batch id and the answer that a repetition of it gets."""

    id: str
    answer: bytes
    at: int
    """Seconds since the epoch."""


@dataclass(slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    done: "Future[Any]" = field(default_factory=Future)


FILE: Final = "journal.sqlite"
"""Its name in its folder."""


class JournalBrokenError(OSError):
    """The file is no journal, or is damaged."""


class Journal:
    """Appends for many threads, and a :class:`Source` for the one that hands over.

    ``max_bytes`` bounds what waits; ``fsync`` makes a commit survive power loss too.
    """

    name = "journal"

    def __init__(self, path: Path, *, max_bytes: int = 1_000_000_000, fsync: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._max_bytes = max_bytes
        self._synchronous = "FULL" if fsync else "NORMAL"
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._news = threading.Condition()
        self._reader = self._opened()
        self.key = PartitionKey(self._identity(), 0)
        """Names this very file, so that journals of several collectors share one ledger."""
        self._delivered = self._committed().offset
        self._end = self._log_end()
        self._waiting_bytes = self._measure()
        self._sizes_lock = threading.Lock()
        self._assigned = False
        self._paused = False
        self._closed = False
        self._thread = threading.Thread(target=self._write_all, name="hopline-journal", daemon=True)
        self._thread.start()

    # -- appending, from any thread

    def append(self, entries: Sequence[tuple[str, bytes]], batch: Batch | None = None) -> None:
        """Store ``(format, body)`` entries durably, in one transaction with the batch id.

        Raises :class:`JournalFullError` when too much waits, SourceError when the disk refuses.
        """
        size = sum(len(body) for _, body in entries)
        with self._sizes_lock:
            if self._waiting_bytes + size > self._max_bytes:
                raise JournalFullError(f"{self._waiting_bytes} bytes wait to be stored")
            self._waiting_bytes += size
        try:
            end = self._run(lambda connection: _append(connection, entries, batch))
        except BaseException:
            with self._sizes_lock:
                self._waiting_bytes -= size
            raise
        if not end:
            with self._sizes_lock:
                self._waiting_bytes -= size
            return
        with self._news:
            self._end = max(self._end, end)
            self._news.notify_all()

    def answer_of(self, batch_id: str, now: int) -> bytes | None:
        """The answer given to this batch id within the last hour."""
        connection = self._connect()
        try:
            row = connection.execute(_KNOWN, (batch_id, now - BATCH_SECONDS)).fetchone()
        finally:
            connection.close()
        return None if row is None else bytes(row[0])

    def position_of_end(self) -> int:
        """The offset after the last entry that was taken."""
        return self._end

    def handed_over(self, offset: int) -> bool:
        """Whether every entry before `offset` is stored elsewhere and deleted here."""
        return bool(self._run(lambda c: not c.execute(_ANY_BEFORE, (offset,)).fetchone()))

    def scrub(self) -> None:
        """Leave no byte of deleted entries in the file or in its log. Raises SourceError when somebody reads."""
        connection = self._connect()
        try:
            connection.execute("VACUUM")
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            raise SourceError(f"journal: {error}") from error
        finally:
            connection.close()
        if busy:
            raise SourceError("journal: somebody reads it")

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were taken and not handed over yet."""
        return self._waiting_bytes

    # -- the source, from the thread that hands over

    def poll(self, timeout: float) -> list[Event]:
        """See :class:`Source`. The one partition is assigned for good at the first poll."""
        if not self._assigned:
            self._assigned = True
            position = self._committed()
            return [Assigned(self.key, 1, position, position.offset, self._end)]
        with self._news:
            if self._paused or self._delivered >= self._end:
                self._news.wait_for(lambda: not self._paused and self._delivered < self._end, timeout)
            if self._paused or self._delivered >= self._end:
                return []
        messages = self._read()
        return [Arrived(self.key, messages)] if messages else []

    def epoch(self, _key: PartitionKey) -> int:
        """See :class:`Source`. Nobody else can take the journal."""
        return 1

    def position(self, _key: PartitionKey) -> int:
        """See :class:`Source`."""
        return self._delivered

    def commit(self, _key: PartitionKey, position: Position) -> None:
        """See :class:`Source`. What lies before the offset is deleted."""
        freed = self._run(lambda connection: _commit(connection, position))
        with self._sizes_lock:
            self._waiting_bytes -= freed

    def seek(self, _key: PartitionKey, offset: int) -> None:
        """See :class:`Source`."""
        self._delivered = offset

    def pause(self, _key: PartitionKey) -> None:
        """See :class:`Source`."""
        self._paused = True

    def resume(self, _key: PartitionKey) -> None:
        """See :class:`Source`."""
        self._paused = False

    def ends(self) -> dict[PartitionKey, int]:
        """See :class:`Source`."""
        return {self.key: self._end}

    def close(self) -> None:
        """Finish what was appended and close the file."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._reader.close()

    # -- inside

    def _run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        if self._closed:
            raise SourceError("the journal is closed")
        job = _Job(work)
        self._jobs.put(job)
        try:
            return job.done.result(_COMMIT_SECONDS)
        except (sqlite3.Error, TimeoutError) as error:
            raise SourceError(f"journal: {error}") from error

    def _write_all(self) -> None:
        connection = self._connect()
        while True:
            jobs = self._next_group()
            if not jobs:
                break
            _run_group(connection, jobs)
        connection.close()

    def _next_group(self) -> list[_Job]:
        """The jobs of one transaction; empty at the end."""
        first = self._jobs.get()
        if first is None:
            return []
        group = [first]
        while len(group) < _GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            group.append(job)
        return group

    def _read(self) -> list[Message]:
        cursor = self._reader.execute(
            "SELECT offset, format, body FROM entries WHERE offset >= ? ORDER BY offset LIMIT ?",
            (self._delivered, _READ_ENTRIES),
        )
        messages, size = [], 0
        for offset, form, body in cursor:
            messages.append(Message(offset, form, body))
            size += len(body)
            if size >= _READ_BYTES:
                break
        cursor.close()
        if messages:
            self._delivered = messages[-1].offset + 1
        return messages

    def _identity(self) -> str:
        self._reader.execute(
            "INSERT INTO identity SELECT ? WHERE NOT EXISTS (SELECT 1 FROM identity)",
            (f"journal-{secrets.token_hex(4)}",),
        )
        return str(self._reader.execute("SELECT name FROM identity").fetchone()[0])

    def _committed(self) -> Position:
        row = self._reader.execute("SELECT offset, metadata FROM positions WHERE partition = 0").fetchone()
        return Position(1, "") if row is None else Position(*row)

    def _log_end(self) -> int:
        row = self._reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entries'").fetchone()
        return 1 if row is None else int(row[0]) + 1

    def _measure(self) -> int:
        row = self._reader.execute("SELECT coalesce(sum(length(body)), 0) FROM entries").fetchone()
        return int(row[0])

    def _opened(self) -> sqlite3.Connection:
        """Raises :class:`JournalBrokenError`."""
        try:
            connection = self._connect()
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise JournalBrokenError(
                f"{self._path}: {error}; move it away: what it held and no block has is lost"
            ) from error
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
        # For a new file only: an old one keeps the size it was made with.
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        log_bytes = min(_WAL_BYTES, shutil.disk_usage(self._path.parent).free // _WAL_SHARE)
        connection.execute(f"PRAGMA wal_autocheckpoint = {max(log_bytes // page_bytes, 1)}")
        return connection


def _run_group(connection: sqlite3.Connection, jobs: list[_Job]) -> None:
    """All jobs in one transaction; when it fails each stands alone, so that one cannot harm the others."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        results = [job.work(connection) for job in jobs]
        connection.execute("COMMIT")
    except Exception as error:
        _roll_back(connection)
        _give_back(connection, error)
        if len(jobs) == 1:
            jobs[0].done.set_exception(error)
            return
        for job in jobs:
            _run_group(connection, [job])
        return
    for job, result in zip(jobs, results, strict=True):
        job.done.set_result(result)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _give_back(connection: sqlite3.Connection, error: Exception) -> None:
    """On a full disk take the space of the log of changes back: only a commit would, and none succeeds any more."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as failure:
            log.debug("the journal's log of changes stays as long as it is: %s", failure)


def _append(connection: sqlite3.Connection, entries: Sequence[tuple[str, bytes]], batch: Batch | None) -> int:
    """Store entries and batch id; returns the offset after the last entry.

    A copy of a batch that was posted meanwhile finds the id here, and stores nothing.
    """
    if batch is not None and connection.execute(_KNOWN, (batch.id, batch.at - BATCH_SECONDS)).fetchone():
        return 0
    last = 0
    for form, body in entries:
        last = connection.execute("INSERT INTO entries (format, body) VALUES (?, ?)", (form, body)).lastrowid or 0
    if batch is not None:
        connection.execute("DELETE FROM batches WHERE at <= ?", (batch.at - BATCH_SECONDS,))
        connection.execute(
            "INSERT OR REPLACE INTO batches (id, at, answer) VALUES (?, ?, ?)", (batch.id, batch.at, batch.answer)
        )
    return last + 1


def _commit(connection: sqlite3.Connection, position: Position) -> int:
    """Store the position and delete what lies before it; returns how many bytes that was."""
    freed = connection.execute(
        "SELECT coalesce(sum(length(body)), 0) FROM entries WHERE offset < ?", (position.offset,)
    ).fetchone()[0]
    connection.execute("DELETE FROM entries WHERE offset < ?", (position.offset,))
    connection.execute("INSERT OR REPLACE INTO positions VALUES (0, ?, ?)", (position.offset, position.metadata))
    return int(freed)
