"""Deaths at every step of the hand-over, and of three collectors that share six partitions."""

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

from faults.dying import STEPS
from hopline_deploy.broker import Broker
from support.clickhouse_server import Server as ClickHouseServer
from support.killing import ROWS, Rig, post

FULL = bool(os.environ.get("HOPLINE_TEST_FULL"))

Topic = Callable[..., str]


def test_death_at_each_step_on_the_journal(rig: Rig, tmp_path: Path) -> None:
    """R1, C1: killed right after each step, the next process ends the block: no row is lost or doubled."""
    collector = rig.collector(path=str(tmp_path / "store"), journal=str(tmp_path / "journal"))
    running = rig.load(lambda body: post(collector, body))
    for step in STEPS * (5 if FULL else 1):
        collector.die_at(step)
    collector.start()
    running.stop()
    collector.wait_for_rows(len(running.acknowledged) * ROWS)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", running.acknowledged)


def test_death_at_each_step_on_kafka(rig: Rig, kafka_broker: Broker, topic: Topic, tmp_path: Path) -> None:
    """R1, C1: the same with a real broker, whose committed metadata is all that a successor has."""
    name = topic(2)
    collector = rig.collector(
        path=str(tmp_path / "store"), kafka=kafka_broker.address, topics={name: "native"}, group=name, instance="one"
    )
    running = rig.kafka_load(kafka_broker.address, name)
    for step in STEPS * (5 if FULL else 1):
        collector.die_at(step)
    collector.start()
    running.stop()
    collector.wait_for_rows(len(running.acknowledged) * ROWS)
    assert collector.stop() == 0
    rig.check(tmp_path / "store", running.acknowledged)


def test_three_collectors_are_killed_again_and_again(
    rig: Rig, kafka_broker: Broker, topic: Topic, own_clickhouse: ClickHouseServer
) -> None:
    """R1, C1, C9: kill -9 of any of three collectors on six partitions, rebalances included, on one store."""
    name = topic(6)
    shared = {"url": own_clickhouse.url, "kafka": kafka_broker.address, "topics": {name: "native"}, "group": name}
    # One keeps its name over its deaths. The others come back as new members, so that partitions move
    # when they join, and once more when the session of the dead one ends.
    collectors = [rig.collector(**shared, instance="kept"), rig.collector(**shared), rig.collector(**shared)]
    running = rig.kafka_load(kafka_broker.address, name, 6)
    for collector in collectors:
        collector.start()
    collectors[0].wait_for_rows(10 * ROWS)
    source = random.Random(3)
    for _ in range(50 if FULL else 10):
        threading.Event().wait(source.uniform(0.05, 1.5))
        victim = source.choice(collectors)
        victim.kill9()
        victim.start()
    running.stop()
    collectors[0].wait_for_rows(len(running.acknowledged) * ROWS)
    owners = own_clickhouse.execute("SELECT uniqExact(collector) FROM hopline.ledger GROUP BY partition").split()
    assert len(owners) == 6
    assert max(map(int, owners)) > 1, "no partition went from one collector to another"
    assert [collector.stop() for collector in collectors] == [0, 0, 0]
    rig.check_at(own_clickhouse.url, running.acknowledged)
