"""A real Kafka broker for tests."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hopline_deploy.broker import Broker, missing_reason
from support.leftovers import collect_refused_sockets
from support.need import require
from support.ports import lasting_ports

_numbers = itertools.count()


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker that a whole run shares: use a topic and a group of your own, and never stop it."""
    require("Kafka broker", missing_reason())
    yield from _running(tmp_path_factory.mktemp("kafka"))


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test alone, to stop, kill and pause."""
    require("Kafka broker", missing_reason())
    yield from _running(tmp_path / "kafka")


def _running(directory: Path) -> Iterator[Broker]:
    broker = Broker(directory, lasting_ports(2))
    broker.start()
    yield broker
    broker.stop()
    collect_refused_sockets()


def create_topic(broker: Broker, name: str, partitions: int = 2) -> None:
    """Create `name` and wait until every client can see it."""
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.create_topics([NewTopic(name, partitions, 1)])
        admin.wait_for_topics([name])
    finally:
        admin.close()


@pytest.fixture
def topic(kafka_broker: Broker) -> Callable[..., str]:
    """``topic(partitions=2)`` creates a topic that no other test has and returns its name."""

    def create(partitions: int = 2) -> str:
        name = f"test-{os.getpid()}-{next(_numbers)}"
        create_topic(kafka_broker, name, partitions)
        return name

    return create
