"""What attributes of other tracers mean in our model.

Names are OpenTelemetry's semantic conventions, the present ones and those they
replaced (https://opentelemetry.io/docs/specs/semconv/), and Brave's. All functions
are pure and take attributes as text.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from hopline.config import SCAN_ONLY_KEYS
from hopline.model import KINDS, WEIGHT_MAX, WEIGHT_ONE
from hopline_collector.formats.decoded import FOREIGN_FACT

LOCAL, CLIENT, SERVER, PRODUCER, CONSUMER = range(len(KINDS))

SHARED_ATTR: Final = "zipkin.shared"
"""Marks a server row that carries its client's id."""

SCAN_ONLY: Final = frozenset(SCAN_ONLY_KEYS) | {
    "http.request.header.user_agent",
    "user_agent.original",
    "sql.query",
    "redis.command",
    "thread.id",
    "code.lineno",
    "code.line.number",
    "network.peer.port",
    "net.peer.port",
    "net.sock.peer.port",
    "client.port",
}
"""Attributes of high entropy: shown, but kept out of the tag index."""

_CACHES: Final = frozenset({"redis", "valkey", "memcached", "memcache", "hazelcast", "caffeine", "ehcache"})
_DATABASES: Final = frozenset(
    {
        *("mysql", "mariadb", "postgresql", "postgres", "oracle", "mssql", "sqlserver", "sqlite", "db2", "h2"),
        *("mongodb", "mongo", "cassandra", "scylladb", "elasticsearch", "opensearch", "clickhouse", "dynamodb"),
        *("cockroachdb", "couchbase", "couchdb", "neo4j", "influxdb", "hbase"),
    }
)
_BROKERS: Final = frozenset({"kafka", "rabbitmq", "activemq", "artemis", "pulsar", "nats", "sqs", "sns", "rocketmq"})

_USER: Final = ("user.id", "enduser.id")
_SYSTEM: Final = ("db.system.name", "db.system")
_DATABASE: Final = ("db.namespace", "db.name", "db.instance", "cassandra.keyspace")
_SERVICE: Final = ("peer.service", "service.peer.name")
_HOST: Final = (
    "server.address",
    "net.peer.name",
    "http.host",
    "net.sock.peer.name",
    "network.peer.address",
    "net.peer.ip",
)
_PORT: Final = ("server.port", "net.peer.port", "net.sock.peer.port", "network.peer.port")
_TOPIC: Final = (
    "messaging.destination.name",
    "messaging.destination.template",
    "messaging.destination",
    "kafka.topic",
    "rabbit.queue",
    "rabbit.exchange",
    "jms.queue",
    "jms.topic",
)
_STATUS: Final = ("http.response.status_code", "http.status_code")
_STATEMENT: Final = ("db.query.text", "db.statement", "sql.query", "db.operation.name", "db.operation")


class BadSpanError(ValueError):
    """A span that cannot be taken; ``reason`` is a short code that is counted."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def first(found: Mapping[str, str], names: Iterable[str]) -> str:
    """The first of ``names`` that has a value, or ``""``."""
    for name in names:
        value = found.get(name)
        if value:
            return value
    return ""


def user(found: Mapping[str, str]) -> str:
    """The user's id."""
    return found.get("user.id") or found.get("enduser.id") or ""


def split(found: dict[str, str]) -> tuple[dict[str, str], dict[str, str] | None]:
    """Tags for the index, and the attributes of high entropy, which are taken out of ``found``."""
    if SCAN_ONLY.isdisjoint(found):
        return found, None
    return found, {key: found.pop(key) for key in SCAN_ONLY.intersection(found)}


def peer(kind: int, found: Mapping[str, str], remote: str = "") -> tuple[str, str]:
    """``(peer, peer_kind)`` of an outgoing call or of a message taken.

    ``remote`` is what the tracer itself calls the far end (Zipkin's remote service).
    A far end of which only the address is known has no kind: the map decides.
    """
    if kind in (LOCAL, SERVER):
        return "", ""
    if kind in (PRODUCER, CONSUMER):
        topic = first(found, _TOPIC) or remote or found.get("messaging.system", "")
        return (topic, "mq") if topic else ("", "")
    system = (found.get("db.system.name") or found.get("db.system") or "").lower()
    if system:
        name = first(found, _DATABASE)
        if system in _CACHES:
            return remote or _address(found) or name or system, "cache"
        return name or remote or _address(found) or system, "db"
    service = remote or first(found, _SERVICE)
    if service:
        return service, _kind_of_name(service, found)
    if "messaging.system" in found:
        topic = first(found, _TOPIC) or _address(found) or found["messaging.system"]
        return topic, "mq"
    return _address(found), ""


def _kind_of_name(service: str, found: Mapping[str, str]) -> str:
    name = service.lower()
    if name in _CACHES:
        return "cache"
    if name in _DATABASES or first(found, _STATEMENT):
        return "db"
    return "mq" if name in _BROKERS else "service"


def _address(found: Mapping[str, str]) -> str:
    host = first(found, _HOST)
    if not host:
        return ""
    port = first(found, _PORT)
    return host if not port or host.endswith(f":{port}") else f"{host}:{port}"


def http_failed(kind: int, found: Mapping[str, str]) -> bool:
    """OpenTelemetry's rule: 5xx fails a server span, 4xx and 5xx a client span."""
    status = found.get("http.response.status_code") or found.get("http.status_code")
    if not status:
        return False
    return status[:1] == "5" if kind == SERVER else status[:1] in ("4", "5") and kind == CLIENT


def error_type(found: Mapping[str, str], text: str = "") -> str:
    """What kind of failure it was; ``text`` serves where it is one word."""
    named = found.get("error.type") or found.get("exception.type")
    if named:
        return named
    status = first(found, _STATUS) or first(found, ("rpc.response.status_code", "rpc.grpc.status_code"))
    if status:
        return status
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
    if isinstance(value, (int, float)):
        return str(value)
    return "" if value is None else msgspec.json.encode(value).decode("utf-8", "replace")


def event_text(name: str, found: Mapping[str, str]) -> str:
    """The value of an event's annotation: what the exception was, or the attributes as JSON."""
    if not found:
        return ""
    if name == "exception":
        head = ": ".join(filter(None, (found.get("exception.type"), found.get("exception.message"))))
        return "\n".join(filter(None, (head, found.get("exception.stacktrace"))))
    if len(found) == 1 and "message" in found:
        return found["message"]
    return msgspec.json.encode(found).decode("utf-8", "replace")


class Process:
    """Process facts of our model from the attributes of a resource, and what of it goes to each row."""

    __slots__ = ("attrs", "facts", "tags")

    def __init__(self, found: Mapping[str, str]) -> None:
        host = first(found, ("host.name", "host.id"))
        pid = found.get("process.pid", "")
        instance = found.get("service.instance.id") or first(found, ("k8s.pod.name", "container.id"))
        if not instance and host:
            instance = f"{host}:{pid}" if pid else host
        self.facts: dict[str, str] = {
            "service": found.get("service.name", ""),
            "instance": instance,
            "host": host,
            "zone": first(found, ("cloud.availability_zone", "cloud.region")),
            "env": first(found, ("deployment.environment.name", "deployment.environment")),
            "version": found.get("service.version", ""),
            "library": " ".join(
                filter(None, (found.get(f"telemetry.sdk.{part}") for part in ("name", "language", "version")))
            ),
            FOREIGN_FACT: "1",
        }
        rest = {key: value for key, value in found.items() if key not in _FACTS}
        self.tags = {key: value for key, value in rest.items() if not key.startswith(_SCANNED_RESOURCE)}
        self.attrs = {key: value for key, value in rest.items() if key not in self.tags}


_FACTS: Final = frozenset(
    {
        *("service.name", "service.instance.id", "service.version", "host.name", "cloud.availability_zone"),
        *("deployment.environment.name", "deployment.environment", "process.pid"),
        *("telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version"),
    }
)
_SCANNED_RESOURCE: Final = ("process.", "telemetry.", "os.", "container.id", "host.id", "host.ip", "host.mac")
