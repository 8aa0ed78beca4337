"""Shards of a cluster that die, stay away or hang under load: every table equals the oracle in the end."""

import os
import random
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hopline_deploy.broker import Broker
from support.accounts import RECEIVED
from support.clickhouse_server import Shards
from support.killing import ROWS, Load, Rig
from support.waiting import wait_until

FULL = bool(os.environ.get("HOPLINE_TEST_FULL"))
KILLS = 50 if FULL else 3
AWAY_SECONDS = 60.0 if FULL else 2.0
CATCH_UP_SECONDS = 900.0 if FULL else 180.0
"""For what was sent meanwhile, in blocks of a thousand rows."""

Topic = Callable[..., str]


class Line:
    """Three collectors on six partitions of a topic, under load."""

    def __init__(self, rig: Rig, broker: Broker, topic: str, cluster: Shards) -> None:
        shared: dict[str, Any] = {**cluster.store, "kafka": broker.address, "topics": {topic: "native"}}
        self.collectors = [rig.collector(**shared, group=topic, instance=name) for name in ("one", "two", "three")]
        self.load: Load = rig.kafka_load(broker.address, topic, 6)
        for collector in self.collectors:
            collector.start()
        self.collectors[0].wait_for_rows(10 * ROWS)
        self._rig = rig
        self._cluster = cluster

    def more(self, messages: int) -> None:
        """Wait until so many more were sent."""
        before = len(self.load.acknowledged)
        self._wait(lambda: len(self.load.acknowledged) >= before + messages, "load")

    def end(self) -> None:
        """All that was sent is stored, once, and nothing is wrong any more."""
        self.load.stop()
        first = self.collectors[0]
        self._wait(lambda: first.gauge(RECEIVED) >= len(self.load.acknowledged) * ROWS, "all rows in the ledger")
        self.wait_until_well()
        assert [collector.stop() for collector in self.collectors] == [0, 0, 0]
        self._rig.check_at(bodies=self.load.acknowledged, **self._cluster.store)

    def wait_until_told(self) -> None:
        """Wait until a collector says in its health that it cannot store."""
        self._wait(lambda: any("store" in collector.troubles() for collector in self.collectors), "health in trouble")

    def wait_until_well(self) -> None:
        """Wait until no collector's health knows of any trouble."""
        self._wait(lambda: not any(collector.troubles() for collector in self.collectors), "health without troubles")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """As `wait_until`; servers that ended by themselves are started again."""

        def met() -> bool:
            self._cluster.revive()
            return condition()

        wait_until(met, CATCH_UP_SECONDS, what=what)


@pytest.fixture
def line(rig: Rig, kafka_broker: Broker, topic: Topic, cluster: Shards) -> Line:
    """All of it, running."""
    return Line(rig, kafka_broker, topic(6), cluster)


def test_shards_that_are_killed_again_and_again(line: Line, cluster: Shards) -> None:
    """K1, C1, C2: kill -9 of any shard in the middle of inserts, now and then of a collector with it."""
    source = random.Random(5)
    for turn in range(KILLS):
        shard = source.choice(cluster.servers)
        shard.kill9()
        if turn % 2:
            collector = source.choice(line.collectors)
            collector.kill9()
            collector.start()
        line.more(source.randrange(20))
        shard.start()
        line.more(source.randrange(20))
    line.end()


def test_a_shard_that_stays_away_and_one_that_hangs(line: Line, cluster: Shards) -> None:
    """K1, K3: health says so, what comes meanwhile waits in the broker, and once they are back all is stored, once."""
    away, hung = cluster.servers[1:]
    away.kill9()
    line.wait_until_told()
    threading.Event().wait(AWAY_SECONDS)
    line.more(20)
    away.start()
    line.wait_until_well()
    # It takes connections and answers none.
    hung.send(signal.SIGSTOP)
    line.wait_until_told()
    threading.Event().wait(AWAY_SECONDS)
    line.more(20)
    hung.send(signal.SIGCONT)
    line.end()
