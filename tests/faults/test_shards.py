"""Shards of a cluster that die under load: every table equals the oracle in the end."""

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_deploy.broker import Broker
from support.clickhouse_server import Shards
from support.killing import ROWS, Load, Rig
from support.waiting import wait_until

FULL = bool(os.environ.get("HOPLINE_TEST_FULL"))
KILLS = 12 if FULL else 3

Topic = Callable[..., str]


@pytest.fixture
def cluster(own_shards: Shards) -> Shards:
    """Three shards with their tables: on a cluster `hopline migrate` alone makes those."""
    store = ClickHouse(StoreSettings(**own_shards.store))
    migrate(store)
    store.close()
    return own_shards


class Line:
    """Two collectors on four partitions of a topic, under load."""

    def __init__(self, rig: Rig, broker: Broker, topic: str, cluster: Shards) -> None:
        shared: dict[str, Any] = {**cluster.store, "kafka": broker.address, "topics": {topic: "native"}}
        self.collectors = [rig.collector(**shared, group=topic, instance=name) for name in ("one", "two")]
        self.load: Load = rig.kafka_load(broker.address, topic, 4)
        for collector in self.collectors:
            collector.start()
        self.collectors[0].wait_for_rows(10 * ROWS)
        self._rig = rig
        self._cluster = cluster

    def more(self, messages: int) -> None:
        """Wait until so many more were sent."""
        before = len(self.load.acknowledged)
        wait_until(lambda: len(self.load.acknowledged) >= before + messages, 180, what="load")

    def end(self) -> None:
        """All that was sent is stored, once, and nothing is wrong any more."""
        self.load.stop()
        first = self.collectors[0]
        first.wait_for_rows(len(self.load.acknowledged) * ROWS)
        for collector in self.collectors:
            wait_until(lambda of=collector: not of.troubles(), what="health")  # type: ignore[misc]
        assert [collector.stop() for collector in self.collectors] == [0, 0]
        self._rig.check_at(self._cluster.url, self.load.acknowledged, cluster=self._cluster.name, replicated=False)


@pytest.fixture
def line(rig: Rig, kafka_broker: Broker, topic: Topic, cluster: Shards) -> Line:
    """All of it, running."""
    return Line(rig, kafka_broker, topic(4), cluster)


def test_shards_that_are_killed_again_and_again(line: Line, cluster: Shards) -> None:
    """K1, C1, C2: kill -9 of any shard in the middle of inserts, now and then of a collector with it."""
    source = random.Random(5)
    for turn in range(KILLS):
        shard = source.choice(cluster.servers)
        shard.kill9()
        if turn % 2:
            line.collectors[1].kill9()
            line.collectors[1].start()
        line.more(source.randrange(20))
        shard.start()
        line.more(source.randrange(20))
    line.end()
