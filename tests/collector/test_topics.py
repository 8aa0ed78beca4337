"""Topics that have to be made."""

import os
from contextlib import closing

import pytest
from kafka import KafkaAdminClient

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
