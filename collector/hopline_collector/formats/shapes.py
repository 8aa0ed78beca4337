"""Which of the attributes that mean something to us a span has, found once for each set of keys.

Spans of one instrumentation carry the same keys in the same order, so what would be
thirty look-ups a span is one. Names are OpenTelemetry's semantic conventions, the
present ones and those they replaced (https://opentelemetry.io/docs/specs/semconv/), and
Brave's.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from hopline.config import SCAN_ONLY_KEYS
from hopline_collector.formats.otlp_own import is_own

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

PATH_ATTRIBUTE: Final = "hopline.span_id"
"""Set by our sampler for OpenTelemetry: the span's own path."""

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
_RPC_STATUS: Final = ("rpc.response.status_code", "rpc.grpc.status_code")
_STATEMENT: Final = ("db.query.text", "db.statement", "sql.query", "db.operation.name", "db.operation")
_ERROR: Final = ("error.type", "exception.type")

_SHAPES_MOST: Final = 4_096
_KEYS_MOST: Final = 64


class Shape:
    """The keys of one set that mean something, each group in the order in which it is asked."""

    __slots__ = (
        *("database", "error", "host", "messaging", "nameless", "own", "path", "plain", "port", "scan", "service"),
        *("statement", "status", "statuses", "system", "topic", "user"),
    )

    def __init__(self, keys: Iterable[str]) -> None:
        held = frozenset(keys)

        def of(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(name for name in names if name in held)

        self.scan = tuple(key for key in keys if key in SCAN_ONLY)
        self.user, self.status, self.error = of(_USER), of(_STATUS), of(_ERROR)
        self.statuses = self.status + of(_RPC_STATUS)
        self.system, self.database, self.service = of(_SYSTEM), of(_DATABASE), of(_SERVICE)
        self.host, self.port, self.topic, self.statement = of(_HOST), of(_PORT), of(_TOPIC), of(_STATEMENT)
        self.messaging = of(("messaging.system",))
        self.path = PATH_ATTRIBUTE in held
        self.own = any(map(is_own, held))
        self.nameless = "" in held
        self.plain = not (self.system or self.service or self.messaging)
        """The far end of a call is told by its address alone."""


_shapes: Final[dict[tuple[str, ...], Shape]] = {}


def shape_of(found: Mapping[str, str]) -> Shape:
    """The shape of a set of attributes; remembered, within bounds, by its keys."""
    keys = tuple(found)
    shape = _shapes.get(keys)
    return _learnt(keys) if shape is None else shape


def _learnt(keys: tuple[str, ...]) -> Shape:
    shape = Shape(keys)
    if len(keys) <= _KEYS_MOST:
        if len(_shapes) >= _SHAPES_MOST:
            _shapes.clear()
        _shapes[keys] = shape
    return shape


def first(found: Mapping[str, str], names: Iterable[str]) -> str:
    """The value of the first of ``names``, all of them keys of ``found``, that has one; or ``""``."""
    for name in names:
        value = found[name]
        if value:
            return value
    return ""
