"""Where the store is, how it is laid out and what one query may cost."""

from dataclasses import dataclass

from hopline_collector.store.errors import StoreError


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Give ``path`` or ``url``."""

    path: str = ""
    """Folder of the embedded engine."""
    url: str = ""
    """``http://user:password@host:8123`` of a server; several of one cluster, with commas between, in turn."""
    database: str = "hopline"
    cluster: str = ""
    """Name of the servers' cluster; empty = one server."""
    replicated: bool = True
    """On a cluster: tables are replicated and told of by ``ON CLUSTER``; False = shards of plain tables."""
    insert_quorum: int = 0
    """On a replicated cluster: how many replicas have a block before it counts as stored; 0 = the one that took it."""
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

    backups: str = ""
    """Folder that the embedded engine may write backups to and read them from; empty = one of its own."""

    @property
    def backup_folder(self) -> str:
        """As ``backups``, or the engine's own."""
        return self.backups or f"{self.path}/hopline-backups"

    @property
    def urls(self) -> tuple[str, ...]:
        """Every address of ``url``."""
        return tuple(filter(None, (part.strip() for part in self.url.split(","))))

    @property
    def home(self) -> str:
        """The database that holds the data: on a cluster the local one, beside the Distributed tables."""
        return f"{self.database}_local" if self.cluster else self.database

    @property
    def shards_alone(self) -> bool:
        """Whether the cluster is shards of plain tables: each server is told everything by us."""
        return bool(self.cluster) and not self.replicated

    @property
    def on_cluster(self) -> str:
        """What makes a statement reach every server by itself; empty where it must be sent to each."""
        return f"ON CLUSTER {self.cluster}" if self.cluster and self.replicated else ""

    def system(self, table: str) -> str:
        """``system.<table>`` of all shards, one replica of each."""
        return f"cluster('{self.cluster}', system.{table})" if self.cluster else f"system.{table}"

    def everywhere(self, table: str) -> str:
        """``system.<table>`` of every server, replicas too: ``shardNum()`` tells them apart."""
        return f"clusterAllReplicas('{self.cluster}', system.{table})" if self.cluster else f"system.{table}"

    def session(self) -> dict[str, int | str]:
        """Settings of every statement, so that it means the same on one server and on many.

        Each table of a cluster is spread over the shards: a subquery in ``IN`` is asked of all
        of them once (``global``), not by each shard of its own part, which the server refuses
        from two shards on (code 288). Inserts return when the shards have the rows, not when
        the first server has a file of them.
        """
        if not self.cluster:
            return {}
        return {"distributed_product_mode": "global", "distributed_foreground_insert": 1}

    def check(self) -> None:
        """Raise :class:`StoreError` for settings that contradict each other."""
        if len(self.urls) > 1 and not self.cluster:
            raise StoreError("several addresses of ClickHouse, and no cluster: name it by setting cluster")
        if self.cluster and self.path:
            raise StoreError("a cluster needs servers: name them by setting clickhouse")
