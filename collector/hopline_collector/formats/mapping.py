"""What attributes of other tracers mean in our model.

All functions are pure and take attributes as text, with their shape (`shapes`).
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hopline.model import KINDS, WEIGHT_MAX, WEIGHT_ONE
from hopline_collector.formats.shapes import Shape, first

LOCAL, CLIENT, SERVER, PRODUCER, CONSUMER = range(len(KINDS))

SHARED_ATTR: Final = "zipkin.shared"
"""Marks a server row that carries its client's id."""

_NOBODY: Final = ("", "")

_CACHES: Final = frozenset({"redis", "valkey", "memcached", "memcache", "hazelcast", "caffeine", "ehcache"})
_DATABASES: Final = frozenset(
    {
        *("mysql", "mariadb", "postgresql", "postgres", "oracle", "mssql", "sqlserver", "sqlite", "db2", "h2"),
        *("mongodb", "mongo", "cassandra", "scylladb", "elasticsearch", "opensearch", "clickhouse", "dynamodb"),
        *("cockroachdb", "couchbase", "couchdb", "neo4j", "influxdb", "hbase"),
    }
)
_BROKERS: Final = frozenset({"kafka", "rabbitmq", "activemq", "artemis", "pulsar", "nats", "sqs", "sns", "rocketmq"})


class BadSpanError(ValueError):
    """A span that cannot be taken; ``reason`` is a short code that is counted."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def split(found: dict[str, str], shape: Shape) -> dict[str, str] | None:
    """Take the attributes of high entropy out of ``found``; what is left are the tags for the index."""
    return {key: found.pop(key) for key in shape.scan} if shape.scan else None


def peer(kind: int, found: Mapping[str, str], shape: Shape, remote: str = "") -> tuple[str, str]:
    """``(peer, peer_kind)`` of an outgoing call or of a message taken.

    ``remote`` is what the tracer itself calls the far end (Zipkin's remote service).
    A far end of which only the address is known has no kind: the map decides.
    """
    if kind in (LOCAL, SERVER):
        return _NOBODY
    if kind != CLIENT:
        topic = first(found, shape.topic) or remote or first(found, shape.messaging)
        return (topic, "mq") if topic else _NOBODY
    if shape.plain and not remote:
        return _address(found, shape), ""
    system = first(found, shape.system).lower()
    if system:
        name = first(found, shape.database)
        if system in _CACHES:
            return remote or _address(found, shape) or name or system, "cache"
        return name or remote or _address(found, shape) or system, "db"
    service = remote or first(found, shape.service)
    if service:
        return service, _kind_of_name(service, found, shape)
    if shape.messaging:
        topic = first(found, shape.topic) or _address(found, shape) or found["messaging.system"]
        return topic, "mq"
    return _address(found, shape), ""


def _kind_of_name(service: str, found: Mapping[str, str], shape: Shape) -> str:
    name = service.lower()
    if name in _CACHES:
        return "cache"
    if name in _DATABASES or first(found, shape.statement):
        return "db"
    return "mq" if name in _BROKERS else "service"


def _address(found: Mapping[str, str], shape: Shape) -> str:
    host = first(found, shape.host)
    if not host:
        return ""
    port = first(found, shape.port)
    return host if not port or host.endswith(f":{port}") else f"{host}:{port}"


def http_failed(kind: int, found: Mapping[str, str], shape: Shape) -> bool:
    """OpenTelemetry's rule: 5xx fails a server span, 4xx and 5xx a client span."""
    status = first(found, shape.status)
    if not status:
        return False
    return status[:1] == "5" if kind == SERVER else status[:1] in ("4", "5") and kind == CLIENT


def error_type(found: Mapping[str, str], shape: Shape, text: str = "") -> str:
    """What kind of failure it was; ``text`` serves where it is one word."""
    return first(found, shape.error) or first(found, shape.statuses) or word_of(text)


def word_of(text: str) -> str:
    """The kind of failure that a text begins with, or ``""`` where it begins with a sentence."""
    word = text.partition(":")[0]
    return word if 0 < len(word) <= 80 and " " not in word and word.lower() != "true" else ""


def weight_of(tracestate: str) -> int:
    """Thousandths from the consistent-sampling threshold ``ot=th:...``; one where there is none.

    The threshold is the rejected share of 2^56, in hex without trailing zeros
    (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
    """
    for member in tracestate.split(","):
        name, _, value = member.strip().partition("=")
        if name != "ot":
            continue
        for part in value.split(";"):
            if part.startswith("th:") and 0 < len(part) - 3 <= 14:
                try:
                    rejected = int(part[3:].ljust(14, "0"), 16)
                except ValueError:
                    return WEIGHT_ONE
                return min(round(WEIGHT_ONE * 2**56 / (2**56 - rejected)), WEIGHT_MAX)
    return WEIGHT_ONE


def text_of(value: Any) -> str:
    """A typed attribute as text: numbers and booleans as JSON spells them, lists and maps as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else not_finite(value)
    return "" if value is None else msgspec.json.encode(value).decode("utf-8", "replace")


def not_finite(value: float) -> str:
    """``NaN``, ``Infinity`` or ``-Infinity``, as protobuf's JSON spells them."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
