"""Which topics are read, and making those that are not there. The client library of Kafka loads when it is used."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

log = logging.getLogger(__name__)

TOPIC_FORMATS: Final = {"hopline.spans": "native", "zipkin": "zipkin", "otlp_spans": "otlp"}
"""Topics read by default, and the format of their messages."""

COPIES: Final = 3
"""Of a topic on a cluster that has as many brokers: with one, a broker that is lost takes spans with it."""


def copies(wanted: int, brokers: int) -> int:
    """The replication factor of a new topic: what was told, else as many as there are brokers, three at most."""
    return wanted or max(1, min(COPIES, brokers))


def create(
    servers: tuple[str, ...], topics: Iterable[str], partitions: int, replicas: int, options: Mapping[str, Any]
) -> None:
    """Create those of ``topics`` that do not exist. Raises when the broker does not answer or refuses."""
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    admin = KafkaAdminClient(bootstrap_servers=list(servers), **options)
    try:
        present = set(admin.list_topics())
        missing = [topic for topic in topics if topic not in present]
        factor = copies(replicas, len(admin.describe_cluster()["brokers"])) if missing else 0
        for topic in missing:
            try:
                admin.create_topics([NewTopic(topic, partitions, factor)])
            except TopicAlreadyExistsError:
                log.debug("%s was created by somebody else", topic)
            else:
                log.info("created topic %s, %d partitions, %d copies", topic, partitions, factor)
    finally:
        admin.close()
