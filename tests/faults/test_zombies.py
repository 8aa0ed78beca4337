"""A collector that sleeps through a rebalance in the middle of a block, and then goes on as if nothing had happened."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hopline_deploy.broker import Broker
from support.clickhouse_server import Server as ClickHouseServer
from support.clickhouse_server import Shards
from support.killing import ROWS, Rig
from support.waiting import wait_until

FULL = bool(os.environ.get("HOPLINE_TEST_FULL"))
STEPS = ("built", "inserted", "accounted") if FULL else ("inserted",)
STORES = ("server", "shards") if FULL else ("server",)
CATCH_UP_SECONDS = 600.0 if FULL else 120.0

Topic = Callable[..., str]


def is_stopped(pid: int) -> bool:
    """Whether the process is in state T."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.fixture(params=STORES)
def held(request: pytest.FixtureRequest) -> ClickHouseServer | Shards:
    """Where the rows are kept."""
    found: ClickHouseServer | Shards = request.getfixturevalue(
        {"server": "own_clickhouse", "shards": "cluster"}[request.param]
    )
    return found


@pytest.mark.parametrize("step", STEPS)
def test_a_rebalance_between_plan_and_commit(
    rig: Rig, kafka_broker: Broker, topic: Topic, held: ClickHouseServer | Shards, step: str
) -> None:
    """C9, C1: three collectors, six partitions; one sleeps past its session with a block under way and wakes up.

    Its partitions went to the others, who ended its block under its plan; what it still does changes nothing.
    """
    name = topic(6)
    shared: dict[str, Any] = {**held.store, "kafka": kafka_broker.address, "topics": {name: "native"}, "group": name}
    sleeper = rig.collector(**shared, freeze_at=step)
    others = [rig.collector(**shared), rig.collector(**shared)]
    running = rig.kafka_load(kafka_broker.address, name, 6)
    child = sleeper.launch()
    wait_until(lambda: is_stopped(child.pid), what="the sleeper in the middle of its first block")
    for collector in others:
        collector.start()
    # Every partition is the others' now: all that was sent until here has been handed over by them.
    count = len(running.acknowledged)
    others[0].wait_for_rows(count * ROWS)
    child.send(signal.SIGCONT)
    child.wait_for_url(f"{sleeper.url}/health/live")
    wait_until(lambda: not sleeper.troubles(), what="the sleeper back in the group, with partitions")
    count = len(running.acknowledged)
    wait_until(lambda: len(running.acknowledged) > count + 30, what="load for all three")
    running.stop()
    sleeper.wait_for_rows(len(running.acknowledged) * ROWS, CATCH_UP_SECONDS)
    owners = held.execute("SELECT uniqExact(collector) FROM hopline.ledger").split()
    assert int(owners[0]) == 3
    assert [collector.stop() for collector in (sleeper, *others)] == [0, 0, 0]
    rig.check_at(bodies=running.acknowledged, **held.store)
