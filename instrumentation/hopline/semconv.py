"""What OpenTelemetry's attributes mean in our model.

Names are those of the semantic conventions, the present ones first and those that
they replaced after them (https://opentelemetry.io/docs/specs/semconv/). All functions
are pure and take attributes as text.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from hopline.text import as_text
from hopline.vocabulary import CALL_KINDS

CACHES: Final = frozenset({"redis", "valkey", "memcached", "memcache", "hazelcast"})

USER: Final = ("user.id", "enduser.id")
SYSTEM: Final = ("db.system.name", "db.system")
DATABASE: Final = ("db.namespace", "db.name")
SERVICE: Final = ("service.peer.name", "peer.service")
HOST: Final = ("server.address", "net.peer.name", "http.host", "network.peer.address", "net.peer.ip")
PORT: Final = ("server.port", "net.peer.port", "network.peer.port")
TOPIC: Final = ("messaging.destination.name", "messaging.destination.template", "messaging.destination")
URL: Final = ("url.full", "http.url")
ANSWERED_AS: Final = "http.response.header.hopline_service"
"""The name by which the far end answered, where the instrumentation was asked to keep that header."""
STATUS: Final = ("http.response.status_code", "http.status_code")
RPC_STATUS: Final = ("rpc.response.status_code", "rpc.grpc.status_code")
RETRY: Final = ("http.request.resend_count", "http.resend_count")


def first(found: Mapping[str, str], names: Iterable[str]) -> str:
    """The first of ``names`` that has a value, or ``""``."""
    return next((value for name in names if (value := found.get(name))), "")


def peer(kind: str, found: Mapping[str, str]) -> tuple[str, str]:
    """``(peer, peer_kind)``: the far end of a call, or the topic of a message."""
    if kind in {"producer", "consumer"}:
        topic = first(found, (*TOPIC, "messaging.system"))
        return (topic, "mq") if topic else ("", "")
    if kind not in CALL_KINDS:
        return "", ""
    system = first(found, SYSTEM).lower()
    if system in CACHES:
        return address(found) or system, "cache"
    if system:
        return first(found, DATABASE) or address(found) or system, "db"
    name = first(found, (*SERVICE, ANSWERED_AS))
    # An address is of no kind, as in our own HTTP hooks: the store then looks for who answered there.
    return (name, "service") if name else (address(found) or host_of(first(found, URL)), "")


def address(found: Mapping[str, str]) -> str:
    """``host:port`` of the far end, as far as it is known."""
    host = first(found, HOST)
    port = first(found, PORT)
    return host if not host or not port or host.endswith(f":{port}") else f"{host}:{port}"


def host_of(url: str) -> str:
    """``host:port`` as a URL has them, without user and password; empty of what is no URL."""
    authority = url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0]
    return authority.rpartition("@")[2]


def http_failed(kind: str, found: Mapping[str, str]) -> bool:
    """OpenTelemetry's rule: 5xx fails a server span, 4xx and 5xx a client span."""
    status = first(found, STATUS)
    return status[:1] == "5" if kind == "server" else status[:1] in {"4", "5"} and kind == "client"


def error_type(found: Mapping[str, str]) -> str:
    """What kind of failure it was, or ``""``."""
    return first(found, ("error.type", "exception.type", *STATUS, *RPC_STATUS))


def attempt(found: Mapping[str, str]) -> int:
    """Number of the retry, 0 for the first attempt."""
    count = first(found, RETRY)
    return int(count) if count.isascii() and count.isdigit() and len(count) <= 4 else 0


def text_of(value: Any) -> str:
    """An attribute as text; sequences as JSON lists."""
    if type(value) is str:
        return value
    if isinstance(value, (tuple, list)):
        return json.dumps([item if isinstance(item, (bool, int, float)) else as_text(item) for item in value])
    return as_text(value)


def event_text(name: str, found: Mapping[str, str]) -> str:
    """The value of an event's annotation: what the exception was, or the attributes as JSON."""
    if not found:
        return ""
    if name == "exception":
        head = ": ".join(filter(None, (found.get("exception.type"), found.get("exception.message"))))
        return "\n".join(filter(None, (head, found.get("exception.stacktrace"))))
    if len(found) == 1 and "message" in found:
        return found["message"]
    return json.dumps(found, ensure_ascii=False)
