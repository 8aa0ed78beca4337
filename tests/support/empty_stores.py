"""Databases with the newest schema and without rows, used again: making one takes ten times as long as emptying it."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate

_LAID_OUT: Final = (
    "SELECT database, name, uuid, create_table_query FROM system.tables WHERE database IN ({names}) ORDER BY 1, 2",
    "SELECT version FROM {database}.schema_version ORDER BY version",
    "SELECT database, table, mutation_id FROM system.mutations WHERE database IN ({names}) AND NOT is_done",
    "SELECT database, table, name FROM system.detached_parts WHERE database IN ({names}) ORDER BY 1, 2, 3",
)
"""What a test may change besides rows. A row of it that differs is a database to throw away."""

_FILLED: Final = (
    "SELECT DISTINCT database, table FROM system.parts WHERE database IN ({names}) AND table != 'schema_version'"
)


class EmptyStores:
    """The databases of one engine, server or cluster, each lent to one user at a time."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._numbers = itertools.count(1)
        self._idle: list[StoreSettings] = []
        self._as_made: dict[str, list[Any]] = {}

    @contextmanager
    def lent(self) -> Iterator[ClickHouse]:
        """An empty store; what is put into it is taken out afterwards, and one that was laid out anew is dropped."""
        store = ClickHouse(self._idle.pop()) if self._idle else self._made()
        yield store
        if _laid_out(store) == self._as_made[store.database]:
            _empty(store)
            self._idle.append(store.settings)
        else:
            for name in dict.fromkeys((store.database, store.settings.home)):
                store.define(f"DROP DATABASE IF EXISTS {name} $on_cluster SYNC")
        store.close()

    def _made(self) -> ClickHouse:
        name = f"{self._settings.database}_{next(self._numbers)}"
        store = ClickHouse(replace(self._settings, database=name))
        migrate(store)
        self._as_made[name] = _laid_out(store)
        return store


def _laid_out(store: ClickHouse) -> list[Any]:
    return [list(handle.query(_on(store, text)).result_rows) for handle in _servers(store) for text in _LAID_OUT]


def _empty(store: ClickHouse) -> None:
    """Truncating makes a table forget the tokens of its blocks, too."""
    for handle in _servers(store):
        for database, table in handle.query(_on(store, _FILLED)).result_rows:
            handle.command(f"TRUNCATE TABLE {database}.{table} SYNC")


def _servers(store: ClickHouse) -> Iterator[Any]:
    """A handle of each server that holds a part."""
    if not store.settings.shards_alone:
        with store.writer() as handle:
            yield handle
        return
    for url in store.settings.urls:
        with store.on_server(url) as handle:
            yield handle


def _on(store: ClickHouse, text: str) -> str:
    return text.format(database=store.database, names=f"'{store.database}', '{store.settings.home}'")
