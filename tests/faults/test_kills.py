"""kill -9 under load, on Kafka and on the journal; a broker that dies; a rebalance inside the hand-over."""

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from hopline_deploy.broker import Broker
from support.clickhouse_server import Server as ClickHouseServer
from support.kafka import create_topic
from support.killing import ROWS, Killable, Rig, post
from support.waiting import wait_until

KILLS = 50 if os.environ.get("HOPLINE_TEST_FULL") else 10

# kafka-python leaves the sockets of refused connections to the garbage collector, which warns.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

Topic = Callable[..., str]


def kill_again_and_again(collector: Killable, seed: int) -> None:
    """Let it live a short random while after each start, then kill it."""
    source = random.Random(seed)
    for _ in range(KILLS):
        collector.start()
        threading.Event().wait(source.uniform(0.05, 1.2))
        collector.kill9()


def test_kills_on_kafka_lose_and_double_nothing(rig: Rig, kafka_broker: Broker, topic: Topic, tmp_path: Path) -> None:
    """C1: every table equals the oracle after kill -9 at any point, on a real broker."""
    name = topic(2)
    collector = rig.collector(
        path=str(tmp_path / "store"), kafka=kafka_broker.address, topics={name: "native"}, group=name, instance="one"
    )
    running = rig.kafka_load(kafka_broker.address, name)
    kill_again_and_again(collector, 1)
    collector.start()
    running.stop()
    collector.wait_for_rows(len(running.acknowledged) * ROWS)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", running.acknowledged)


def test_kills_on_the_journal_lose_and_double_nothing(rig: Rig, tmp_path: Path) -> None:
    """C1, C4: what was answered with 202 is stored once, whatever was killed."""
    collector = rig.collector(path=str(tmp_path / "store"), journal=str(tmp_path / "journal"))
    running = rig.load(lambda body: post(collector, body))
    kill_again_and_again(collector, 2)
    collector.start()
    wait_until(lambda: len(running.acknowledged) > 50, 120, what="50 acknowledged posts")
    running.stop()
    collector.wait_for_rows(len(running.acknowledged) * ROWS)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", running.acknowledged)


def test_a_broker_that_dies_and_comes_back(own_broker: Broker, rig: Rig, tmp_path: Path) -> None:
    """C1, S7: the broker is killed under load and restarted; the collector goes on by itself."""
    create_topic(own_broker, "spans-here")
    collector = rig.collector(path=str(tmp_path / "store"), kafka=own_broker.address, topics={"spans-here": "native"})
    running = rig.kafka_load(own_broker.address, "spans-here")
    collector.start()
    collector.wait_for_rows(20 * ROWS)
    own_broker.kill9()
    own_broker.start()
    count = len(running.acknowledged)
    wait_until(lambda: len(running.acknowledged) > count + 20, 120, what="acknowledged sends after the restart")
    running.stop()
    collector.wait_for_rows(len(running.acknowledged) * ROWS)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", running.acknowledged)


def test_collectors_come_and_go_under_load(
    rig: Rig, kafka_broker: Broker, topic: Topic, own_clickhouse: ClickHouseServer
) -> None:
    """C9: a collector that joins and leaves again, twice, under load: no row is lost or doubled."""
    name = topic(2)
    shared = {"url": own_clickhouse.url, "kafka": kafka_broker.address, "topics": {name: "native"}, "group": name}
    first, second = rig.collector(**shared), rig.collector(**shared)
    running = rig.kafka_load(kafka_broker.address, name)
    first.start()
    first.wait_for_rows(10 * ROWS)
    for _ in range(2):
        second.start()
        before = len(running.acknowledged)
        wait_until(lambda at=before: len(running.acknowledged) > at + 40, what="load")  # type: ignore[misc]
        assert second.stop() == 0
    running.stop()
    first.wait_for_rows(len(running.acknowledged) * ROWS)
    assert first.stop() == 0
    rig.check_at(own_clickhouse.url, running.acknowledged)


def test_a_store_that_is_away_for_a_while_loses_nothing(
    rig: Rig, kafka_broker: Broker, topic: Topic, own_clickhouse: ClickHouseServer
) -> None:
    """C2: with ClickHouse killed and back the group keeps its member, health says why, and all is stored once."""
    name = topic(2)
    collector = rig.collector(url=own_clickhouse.url, kafka=kafka_broker.address, topics={name: "native"}, group=name)
    running = rig.kafka_load(kafka_broker.address, name)
    collector.start()
    collector.wait_for_rows(10 * ROWS)
    own_clickhouse.kill9()
    ready = f"{collector.url}/health/ready"
    wait_until(lambda: httpx.get(ready, timeout=60).status_code == 503, what="not ready")
    before = len(running.acknowledged)
    wait_until(lambda: len(running.acknowledged) > before + 30, what="load while the store is away")
    own_clickhouse.start()
    wait_until(lambda: httpx.get(ready, timeout=60).status_code == 200, what="ready")
    running.stop()
    collector.wait_for_rows(len(running.acknowledged) * ROWS)
    assert collector.stop() == 0
    rig.check_at(own_clickhouse.url, running.acknowledged)


@pytest.mark.parametrize("signal_when", ["idle", "loaded"])
def test_sigterm_ends_with_0_in_time(rig: Rig, tmp_path: Path, signal_when: str) -> None:
    """R1, R6: SIGTERM ends the process in under 10 s with 0, idle or in the middle of inserts."""
    collector = rig.collector(path=str(tmp_path / "store"), journal=str(tmp_path / "journal"))
    collector.start()
    if signal_when == "loaded":
        rig.load(lambda body: post(collector, body))
        collector.wait_for_rows(10 * ROWS)
    assert collector.stop(10.0) == 0
