"""A migrated store of each kind: the embedded engine, one server, three shards. The same code runs on all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from support.clickhouse_server import Server, Shards
from support.empty_stores import EmptyStores

KINDS: Final = ("embedded", "server", "shards")


@pytest.fixture(scope="session")
def server_stores(clickhouse: Server) -> EmptyStores:
    """The migrated databases of the one server."""
    return EmptyStores(StoreSettings(url=clickhouse.url, database="test"))


@pytest.fixture(scope="session")
def shards_stores(shards: Shards) -> EmptyStores:
    """The migrated databases of the three shards."""
    return EmptyStores(StoreSettings(url=shards.url, database="test", cluster=shards.name, replicated=False))


_STORES: Final = {"embedded": "engine_stores", "server": "server_stores", "shards": "shards_stores"}


@contextmanager
def store_of(kind: str, request: pytest.FixtureRequest) -> Iterator[ClickHouse]:
    """A migrated database without rows on the store of that kind which the whole run shares."""
    with request.getfixturevalue(_STORES[kind]).lent() as store:
        yield store


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
