"""A cluster without its coordination service: what the embedded engine can execute of the cluster's SQL.

Two databases, a Distributed table over each local one, inserts split by shard keys and
reads gathered are the engine's own, over a cluster of one shard that its configuration
names. `ON CLUSTER` and the replication of tables need ZooKeeper or Keeper, which the
embedded engine has not: those words alone are left out, and checked as text elsewhere.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hopline_collector.store.clickhouse import ClickHouse

CLUSTER = "main"

_CONFIGURATION = """<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers><main><shard>
    <internal_replication>true</internal_replication>
    <replica><host>127.0.0.1</host><port>9000</port></replica>
  </shard></main></remote_servers>
</clickhouse>
"""
"""The engine takes an address with its own port for itself and does not connect."""


def configured(folder: Path) -> str:
    """A path for the engine, with a configuration that names the cluster."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "cluster.xml"
    file.write_text(_CONFIGURATION)
    return f"{folder / 'data'}?config-file={file}"


def without_keeper(statement: str) -> str:
    """The statement as it runs without a coordination service."""
    plain = statement.replace(f" ON CLUSTER {CLUSTER}", "").replace("ENGINE = Replicated", "ENGINE = ")
    plain = re.sub(r"replicated_deduplication_window_seconds = \d+, ", "", plain)
    return plain.replace("replicated_deduplication_window", "non_replicated_deduplication_window")


class KeeperlessStore(ClickHouse):
    """Sends every statement :func:`without_keeper`."""

    @contextmanager
    def writer(self) -> Iterator[Any]:
        with super().writer() as handle:
            yield _Handle(handle)


class _Handle:
    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def command(self, statement: str, **how: Any) -> Any:
        return self._handle.command(without_keeper(statement), **how)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)
