"""Topics that have to be made."""

import os
import socket
import time
from contextlib import closing

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from hopline_collector.sources import topics
from hopline_deploy.broker import Broker


@pytest.mark.parametrize(
    ("wanted", "brokers", "factor"), [(0, 1, 1), (0, 2, 2), (0, 3, 3), (0, 7, 3), (1, 3, 1), (5, 7, 5)]
)
def test_a_cluster_gets_copies_unless_told(wanted: int, brokers: int, factor: int) -> None:
    """K5: with three brokers nothing is kept once only, unless somebody asks for that."""
    assert topics.copies(wanted, brokers) == factor


def test_missing_topics_are_made_once(kafka_broker: Broker) -> None:
    """K5: with the partitions that were told; those that are there stay as they are."""
    name = f"made-{os.getpid()}"
    for partitions in (3, 5):
        topics.create((kafka_broker.address,), [name], partitions, 0, {})
    with closing(KafkaAdminClient(bootstrap_servers=kafka_broker.address)) as admin:
        (found,) = admin.describe_topics([name])
    assert len(found["partitions"]) == 3


def test_a_broker_that_never_answers_holds_nobody_for_long() -> None:
    """K3: the question for topics is given up after seconds, and asked again by whoever needs them."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(KafkaError):
            topics.create((address,), ["made"], 1, 0, {})
        assert time.monotonic() - begun < 25.0, "the library's own bound is 30 s"
