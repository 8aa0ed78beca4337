"""The store: every statement goes through here, to the engine in this process or to servers by URL.

What is asked goes through :meth:`ClickHouse.ask`, rows through :meth:`ClickHouse.insert`,
copies inside the store through :meth:`ClickHouse.change`, tables through
:meth:`ClickHouse.define`. They know deduplication, the cluster and what an error means,
so that their callers do not.

A handle whose statement failed may hand the failed statement's bytes to the next one, so
a handle is thrown away after any exception. ``readonly`` sticks to a handle, so reading
has handles of its own. Leaving the process while a thread is inside a query crashes it,
so :meth:`ClickHouse.close` ends the queries first.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from hopline_collector.store import embedded, servers
from hopline_collector.store.errors import (
    StoreAwayError,
    StoreBusyError,
    StoreError,
    of_insert,
    translated,
    unreachable,
)
from hopline_collector.store.quick_types import quickened
from hopline_collector.store.servers import Servers
from hopline_collector.store.settings import StoreSettings
from hopline_collector.store.timings import Timings

__all__ = ["ClickHouse", "StoreSettings"]

log = logging.getLogger(__name__)

_CLOSE_SECONDS: Final = 8.0
_KILL_SECONDS: Final = 5.0
_PARTITIONS: Final = 100
"""How many of one table a block may touch, whatever the server's own bound is."""
_EMBEDDED: Final = ""
"""Stands for the engine in this process where others have an address."""

Columns = Mapping[str, Sequence[Any]]
"""Name of a column -> its values; all of one length."""


class ClickHouse:
    """One writer handle and a bounded pool of read-only handles; connects on first use.

    Thread-safe. A handle is given to one thread at a time.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self.settings = settings
        self.database = settings.database
        self.timings = Timings()
        self._servers = Servers(settings.urls)
        self._writer: tuple[Any, str] | None = None
        self._writer_lock = threading.RLock()
        self._idle: list[tuple[Any, str]] = []
        self._idle_lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(settings.readers)
        self._types: dict[str, list[Any]] = {}
        self._closing = False
        self.writes = 0
        """Uses of the writer so far: where the number is the same, this process stored nothing in between."""

    # -- statements

    def ask(self, statement: str, parameters: Mapping[str, Any] | None = None, name: str = "") -> list[tuple[Any, ...]]:
        """All rows of a read-only statement; a server that does not answer is followed by the next one.

        ``name``, of letters, digits and ``-``, is what :meth:`cancel` knows it by.

        Raises:
            StoreBusyError: no handle came free in ``reader_wait_seconds``.
            StoreError: what went wrong, by its meaning.

        """
        with self.timings.timed("query"):
            return self._ask(f"/* {name} */ {statement}" if name else statement, parameters or {})

    def _ask(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        for turn in range(max(len(self._servers.urls), 1)):
            try:
                with self.reader() as handle:
                    return list(handle.query(statement, parameters=dict(parameters)).result_rows)
            except StoreError:
                raise
            except Exception as error:
                if not unreachable(error) or turn + 1 >= len(self._servers.urls):
                    raise translated(error) from error
        raise StoreAwayError("no server was asked")

    def cancel(self, name: str) -> None:
        """End the statement that is asked under this name, wherever it runs; quiet where none does."""
        for url in self._servers.urls or (_EMBEDDED,):
            try:
                killer = servers.connect(url, {}, _KILL_SECONDS) if url else embedded.connect(self.settings)
                try:
                    killer.command(f"KILL QUERY WHERE startsWith(query, '/* {name} */') ASYNC")
                finally:
                    _close_quietly(killer)
            except Exception:
                log.debug("could not end a statement", exc_info=True)

    def insert(self, table: str, rows: Columns, token: str) -> None:
        """Store rows as one block, exactly once per token, in the table and in all that views feed from it.

        After an exception the block may be stored, in part or not at all: the same call
        again makes it whole, through any server. Without a token nothing is recognised.
        Raises as :meth:`hopline_collector.store.writer.SpanWriter.write`.
        """
        with self.timings.timed("insert"):
            self._insert(table, rows, token)

    def _insert(self, table: str, rows: Columns, token: str) -> None:
        names = tuple(rows)
        qualified = f"{self.database}.{table}"
        meaning = translated
        try:
            with self.writer() as handle:
                context = handle.create_insert_context(
                    qualified,
                    names,
                    column_types=self._column_types(handle, qualified, names),
                    column_oriented=True,
                    settings=self._insert_settings(token),
                )
                meaning = of_insert
                context.data = list(rows.values())
                # One block of the native format, not one per 2 MB: parsed faster, and never cut differently.
                context.block_row_count = len(context.data[0])
                try:
                    handle.data_insert(context)
                finally:
                    # It refers to itself, and would keep the block in memory until Python looks for cycles.
                    vars(context).clear()
        except StoreError:
            raise
        except Exception as error:
            raise meaning(error) from error

    def change(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run ``INSERT ... SELECT``: the store copies rows inside itself. Raises :class:`StoreError`."""
        try:
            with self.writer() as handle:
                handle.command(statement, parameters=dict(parameters or {}))
        except StoreError:
            raise
        except Exception as error:
            raise translated(error) from error

    def define(self, statement: str) -> None:
        """Run DDL or a mutation of the tables at home (``settings.home``) on every server that holds a part.

        ``$on_cluster`` in it stands behind the name of the table or database. Raises :class:`StoreError`.
        """
        text = " ".join(statement.replace("$on_cluster", self.settings.on_cluster).split())
        try:
            if not self.settings.shards_alone:
                with self.writer() as handle:
                    handle.command(text)
                return
            for url in self._servers.urls:
                with self.on_server(url) as handle:
                    handle.command(text)
        except StoreError:
            raise
        except Exception as error:
            raise translated(error) from error

    # -- handles

    @contextmanager
    def writer(self) -> Iterator[Any]:
        """The one handle that writes, exclusively; after an exception the next caller gets a new one."""
        with self._writer_lock:
            if self._closing:
                raise StoreAwayError("the store is closing")
            if self._writer is None:
                self._writer = self._connect(self.settings.session(), self.settings.query_seconds * 6)
            try:
                yield self._writer[0]
            except BaseException as error:
                (discarded, url), self._writer = self._writer, None
                self._discard(discarded, url, error)
                raise
            finally:
                self.writes += 1

    @contextmanager
    def reader(self) -> Iterator[Any]:
        """A read-only handle with the limits of the settings.

        Raises :class:`StoreBusyError` when none came free in ``reader_wait_seconds``.
        """
        if not self._slots.acquire(timeout=self.settings.reader_wait_seconds):
            raise StoreBusyError("every read handle is in use")
        try:
            handle, url = self._take_reader()
            try:
                yield handle
            except BaseException as error:
                self._discard(handle, url, error)
                raise
            with self._idle_lock:
                self._idle.append((handle, url))
        finally:
            self._slots.release()

    @contextmanager
    def on_server(self, url: str) -> Iterator[Any]:
        """A handle of that one server, for what has to be told or asked on each of ``settings.urls``."""
        handle = servers.connect(url, self.settings.session(), self.settings.query_seconds * 6)
        try:
            yield handle
        finally:
            _close_quietly(handle)

    def check(self) -> None:
        """Return when the store and every shard of it answers, be it others; raise :class:`StoreError` when not.

        Without one of the shards no block can be stored and no question answered.
        """
        try:
            self.ask(f"SELECT count() FROM {self.settings.system('one')}")
        except StoreBusyError:
            log.debug("no handle is free for a look at the store")

    def detached_parts(self) -> int:
        """How many parts the engine set aside as broken; more than 0 means rows are missing."""
        cluster = self.settings.cluster
        parts = f"clusterAllReplicas('{cluster}', system.detached_parts)" if cluster else "system.detached_parts"
        # On a cluster the parts are those of the local tables beside the distributed ones, on every server.
        found = self.ask(
            f"SELECT count() FROM {parts} WHERE database IN ({{database:String}}, {{home:String}})",
            {"database": self.database, "home": self.settings.home},
        )
        return int(found[0][0])

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
        self._drop_idle()
        let_go = self._in_time(self._writer_lock.acquire, deadline)
        if let_go:
            discarded, self._writer = self._writer, None
            self._writer_lock.release()
            if discarded is not None:
                _close_quietly(discarded[0])
        else:
            log.warning("an insert did not end in time")
        for _ in range(taken):
            self._slots.release()
        return let_go and taken == self.settings.readers

    # -- inside

    def _insert_settings(self, token: str) -> dict[str, Any]:
        settings: dict[str, Any] = {"async_insert": 0, "max_partitions_per_insert_block": _PARTITIONS}
        if token:
            settings |= {"insert_deduplication_token": token, "insert_deduplicate": 1}
            settings["deduplicate_blocks_in_dependent_materialized_views"] = 1
        if self.settings.insert_quorum and self.settings.cluster:
            settings["insert_quorum"] = self.settings.insert_quorum
        return settings

    def _column_types(self, handle: Any, table: str, names: Sequence[str]) -> list[Any]:
        """Types of the columns, asked for once: a DESCRIBE per insert costs a millisecond."""
        key = f"{table}({','.join(names)})"
        if key not in self._types:
            described = handle.create_insert_context(table, list(names))
            self._types[key] = [quickened(column_type) for column_type in described.column_types]
        return self._types[key]

    def _in_time(self, acquire: Callable[..., bool], deadline: float) -> bool:
        """Acquire; what stands in the way is ended in the engine."""
        if acquire(blocking=False):
            return True
        self._kill_queries()
        return acquire(timeout=max(0.0, deadline - time.monotonic()))

    def _take_reader(self) -> tuple[Any, str]:
        if self._closing:
            raise StoreAwayError("the store is closing")
        with self._idle_lock:
            if self._idle:
                return self._idle.pop()
        limits = _reader_limits(self.settings)
        if not self.settings.path:
            # The server ends a query that takes too long; a server that is stuck ends nothing.
            return self._connect({**self.settings.session(), **limits}, self.settings.query_seconds + 5)
        found = self._connect({}, 0)
        try:
            found[0].command("SET " + ", ".join(f"{name} = {value}" for name, value in limits.items()))
        except BaseException:
            _close_quietly(found[0])
            raise
        return found

    def _connect(self, session: Mapping[str, Any], seconds: float) -> tuple[Any, str]:
        self.settings.check()
        if self.settings.path:
            return embedded.connect(self.settings), _EMBEDDED
        return self._servers.connect(session, seconds)

    def _discard(self, handle: Any, url: str, error: BaseException) -> None:
        _close_quietly(handle)
        if unreachable(error):
            self._servers.failed(url)
            # Others of that server would fail one after the other.
            self._drop_idle()

    def _drop_idle(self) -> None:
        with self._idle_lock:
            idle, self._idle = self._idle, []
        for handle, _ in idle:
            _close_quietly(handle)

    def _kill_queries(self) -> None:
        if not self.settings.path:
            return
        try:
            killer = embedded.connect(self.settings)
            killer.command("KILL QUERY WHERE query_id != queryID() ASYNC")
            _close_quietly(killer)
        except Exception:
            log.debug("could not end running queries", exc_info=True)


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


def _close_quietly(handle: Any) -> None:
    if handle is None:
        return
    try:
        handle.close()
    except Exception:
        log.debug("closing a handle failed", exc_info=True)
