"""The rig of the fault tests."""

from collections.abc import Iterator

import pytest

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from support.clickhouse_server import Shards
from support.killing import Rig
from support.process import Children
from support.small_disk import small_disk

__all__ = ["rig", "small_disk"]


@pytest.fixture
def rig(children: Children) -> Iterator[Rig]:
    """Collectors to kill, load that is acknowledged, books to check."""
    built = Rig(children)
    yield built
    built.close()


@pytest.fixture
def cluster(own_shards: Shards) -> Shards:
    """Three shards with their tables: on a cluster `hopline migrate` alone makes those."""
    store = ClickHouse(StoreSettings(**own_shards.store))
    migrate(store)
    store.close()
    return own_shards
