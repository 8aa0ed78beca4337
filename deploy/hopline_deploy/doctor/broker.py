"""The Kafka broker."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from hopline_deploy.doctor.finding import Finding, well, wrong

_TIMEOUT_MS: Final = 3_000


def broker(servers: str, wanted: Iterable[str], options: Mapping[str, str]) -> Finding:
    """Whether it answers and has the topics that are read."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        topics = _topics(servers, options)
    except Exception as error:  # whatever the client library makes of an address or an option
        said = str(error) or type(error).__name__
        return wrong("broker", f"{servers}: {said}", "start Kafka, or correct --kafka and kafka_options")
    absent = [topic for topic in wanted if topic not in topics]
    if absent:
        missing = f"{servers}: no topic {', '.join(absent)}"
        return wrong("broker", missing, "start a collector: it creates what it reads")
    return well("broker", f"{servers}: {len(topics)} topics")


def _topics(servers: str, options: Mapping[str, Any]) -> list[str]:
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=servers.split(","), bootstrap_timeout_ms=_TIMEOUT_MS, **options)
    try:
        return list(admin.list_topics())
    finally:
        admin.close()
