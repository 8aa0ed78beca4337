"""A migrated store of each kind: the embedded engine, one server, three shards. The same code runs on all."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate

KINDS: Final = ("embedded", "server", "shards")

_numbers = itertools.count(1)


@contextmanager
def store_of(kind: str, request: pytest.FixtureRequest) -> Iterator[ClickHouse]:
    """A new database on the store of that kind which the whole run shares; dropped afterwards."""
    store = ClickHouse(_settings(kind, request))
    migrate(store)
    yield store
    for name in dict.fromkeys((store.database, store.settings.home)):
        store.define(f"DROP DATABASE IF EXISTS {name} $on_cluster SYNC")
    store.close()


def _settings(kind: str, request: pytest.FixtureRequest) -> StoreSettings:
    database = f"kind_{next(_numbers)}"
    if kind == "embedded":
        return StoreSettings(path=str(request.getfixturevalue("engine_folder")), database=database)
    if kind == "server":
        return StoreSettings(url=request.getfixturevalue("clickhouse").url, database=database)
    cluster = request.getfixturevalue("shards")
    return StoreSettings(url=cluster.url, database=database, cluster=cluster.name, replicated=False)


def told(store: ClickHouse) -> dict[str, Any]:
    """What another process is told of a store of servers, so that it finds the same."""
    named = ("url", "database", "cluster", "replicated")
    return {name: getattr(store.settings, name) for name in named}


@pytest.fixture(params=("server", "shards"))
def served_store(request: pytest.FixtureRequest) -> Iterator[ClickHouse]:
    """One after the other of those that several processes can share; never stop their servers."""
    with store_of(request.param, request) as store:
        yield store


@pytest.fixture(params=KINDS)
def any_store(request: pytest.FixtureRequest) -> Iterator[ClickHouse]:
    """One after the other."""
    with store_of(request.param, request) as store:
        yield store
