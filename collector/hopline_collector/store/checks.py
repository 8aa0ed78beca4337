"""What is looked at before anything is stored: the servers' version, and the shape of the cluster.

Each of these mistakes would show later as rows that are lost, doubled or never found.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from hopline_collector.store import servers
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError
from hopline_collector.store.settings import StoreSettings

LEAST_VERSION: Final = (26, 7)
"""The oldest ClickHouse that Hopline is tested with: its text index and deduplication through views."""

_VERSION: Final = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Replica:
    """One server of a cluster, as the cluster's definition names it."""

    shard: int
    host: str
    port: int
    internal_replication: bool
    is_local: bool
    """Whether it is the server that was asked."""


def check(store: ClickHouse) -> None:
    """Raise :class:`StoreError` with every trouble that keeps this store from being used; touches nothing."""
    found = troubles(store)
    if found:
        raise StoreError("; ".join(found))


def troubles(store: ClickHouse) -> list[str]:
    """What is wrong, in sentences; empty when all is well. Raises StoreError when a server does not answer."""
    settings = store.settings
    settings.check()
    if settings.path:
        return []
    if not settings.cluster:
        return [*_old(str(store.ask("SELECT version()")[0][0]), "ClickHouse")]
    if not settings.replicated:
        return _troubles_of_shards(store)
    found = _old(str(store.ask("SELECT version()")[0][0]), "ClickHouse")
    return found + shape_troubles(settings, _replicas(store.ask(_CLUSTER, {"cluster": settings.cluster})))


def shape_troubles(settings: StoreSettings, replicas: list[Replica]) -> list[str]:
    """What the cluster's definition says that does not fit the settings."""
    if not replicas:
        return [f"the server knows no cluster {settings.cluster}: see remote_servers in its configuration"]
    found = []
    if not all(replica.internal_replication for replica in replicas):
        found.append(
            f"cluster {settings.cluster}: set internal_replication to true for every shard, "
            "or each row is stored by every replica anew"
        )
    shards = {replica.shard for replica in replicas}
    if not settings.replicated and len(replicas) > len(shards):
        found.append(f"cluster {settings.cluster} has replicas: set replicated to true, or name shards of one server")
    if settings.shards_alone and len(settings.urls) != len(shards):
        found.append(
            f"cluster {settings.cluster} has {len(shards)} shards, clickhouse names {len(settings.urls)} servers: "
            "without replication every shard is to be named"
        )
    if settings.insert_quorum > min(sum(r.shard == shard for r in replicas) for shard in shards):
        found.append(f"insert_quorum is {settings.insert_quorum}: more than a shard has replicas")
    return found


_CLUSTER: Final = (
    "SELECT shard_num, host_name, port, internal_replication, is_local FROM system.clusters"
    " WHERE cluster = {cluster:String} ORDER BY shard_num, replica_num"
)


def _troubles_of_shards(store: ClickHouse) -> list[str]:
    settings = store.settings
    found: list[str] = []
    own: dict[int, str] = {}
    for url in settings.urls:
        with store.on_server(url) as handle:
            name = servers.shown(url)
            found += _old(str(handle.query("SELECT version()").result_rows[0][0]), name)
            replicas = _replicas(handle.query(_CLUSTER, parameters={"cluster": settings.cluster}).result_rows)
        found += shape_troubles(settings, replicas)
        for replica in replicas:
            if replica.is_local and replica.shard in own:
                found.append(f"{name} and {own[replica.shard]} are the same shard of cluster {settings.cluster}")
            elif replica.is_local:
                own[replica.shard] = name
    return list(dict.fromkeys(found))


def _replicas(rows: Any) -> list[Replica]:
    return [Replica(int(shard), host, int(port), bool(once), bool(here)) for shard, host, port, once, here in rows]


def _old(version: str, server: str) -> list[str]:
    found = _VERSION.match(version)
    if found is None or (int(found[1]), int(found[2])) < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        return [f"{server} is of version {version}: {least} is the oldest that Hopline is tested with"]
    return []
