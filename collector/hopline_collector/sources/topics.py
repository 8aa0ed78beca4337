"""Which topics are read, and making those that are not there. The client library of Kafka loads when it is used."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

log = logging.getLogger(__name__)

TOPIC_FORMATS: Final = {"hopline.spans": "native", "zipkin": "zipkin", "otlp_spans": "otlp"}
"""Topics read by default, and the format of their messages."""

COPIES: Final = 3
"""Of a topic on a cluster that has as many brokers: with one, a broker that is lost takes spans with it."""


def copies(wanted: int, brokers: int) -> int:
    """The replication factor of a new topic: what was told, else as many as there are brokers, three at most."""
    return wanted or max(1, min(COPIES, brokers))


CALL_MS: Final = 5_000
"""Bound of every question about topics. The library's own half a minute would be half a minute without topics."""


@contextmanager
def administering(servers: tuple[str, ...], options: Mapping[str, Any]) -> Iterator[Any]:
    """The library's administration client; raises when no broker answers within :data:`CALL_MS`."""
    from kafka import KafkaAdminClient

    bounds = {"bootstrap_timeout_ms": CALL_MS, "request_timeout_ms": CALL_MS}
    with closing(KafkaAdminClient(bootstrap_servers=list(servers), **{**bounds, **options})) as admin:
        yield admin


def create(
    servers: tuple[str, ...],
    topics: Iterable[str],
    partitions: int,
    replicas: int,
    options: Mapping[str, Any],
    *,
    kept: Mapping[str, str] | None = None,
) -> None:
    """Create those of ``topics`` that do not exist, with ``kept`` as their settings.

    Raises when the broker does not answer within :data:`CALL_MS` or refuses.
    """
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    with administering(servers, options) as admin:
        present = set(admin.list_topics())
        missing = [topic for topic in topics if topic not in present]
        factor = copies(replicas, len(admin.describe_cluster()["brokers"])) if missing else 0
        for topic in missing:
            try:
                admin.create_topics([NewTopic(topic, partitions, factor, topic_configs=dict(kept or {}))])
            except TopicAlreadyExistsError:
                log.debug("%s was created by somebody else", topic)
            else:
                log.info("created topic %s, %d partitions, %d copies", topic, partitions, factor)
