"""The rows behind `golden/wire_v1.msgpack`: one of each shape the format knows, with every id fixed."""

from typing import Any

from hopline import config as settings
from hopline import wire
from hopline.counts import Counts
from hopline.entry import Entry
from hopline.model import DEBUG, LOAD_TEST, SAMPLED
from hopline.report import Reporter
from hopline.spans import Span
from hopline.tracer import Tracer
from hopline.transports.memory import MemoryTransport

TRACE = 0x6921C0DE0123456789ABCDEF01234567
START_NS = 1_763_800_000_123_456_000

PROCESS = {
    "service": "orders",
    "instance": "h1:8012",
    "host": "h1",
    "zone": "sh-1",
    "env": "prod",
    "version": "1.4.2",
    "library": "hopline-python/0.1.0",
}
REPORT = {"at_us": 1_763_800_010_000_000, "recorded": 7, "sent": 4, "dropped": {"queue_full": 2}, "depth": 1}


def spans() -> list[Span]:
    """A server row with everything, its plain child, a call, a producer row, and an open row."""
    config, _ = settings.load({"service": "orders", "endpoint": "memory:", "clock": lambda: START_NS}, {})
    tracer = Tracer(config, Reporter(config, MemoryTransport(Counts()), Counts()))
    entry = Entry(tracer.process, TRACE, "POST /orders", path="0.1", remote_id=0xA3CE929D0E0E4736, weight=2_000)
    entry.flags = SAMPLED | DEBUG | LOAD_TEST
    entry.caller = ("gateway", "h0:8001", "sh-1", "POST /checkout")
    server = Span(entry, None, 0, 0x00F067AA0BA902B7, "POST /orders", "server", {"http.response.status_code": "504"})
    server.annotate("cache", "miss")
    server.attr("url.path", "/orders")
    server.link("6921c0de0123456789abcdef01234568", "00f067aa0ba902b8", "producer")
    server.fail("Timeout", "payments did not answer")
    entry.uid = "u-4711"
    numbers = server.numbering().numbers
    call = Span(entry, server, next(numbers), 2, "GET", "client", {})
    call.peer, call.peer_kind = "payments", "service"
    call.set_attempt(1)
    message = Span(entry, server, next(numbers), 3, "send mail", "producer", {"messaging.system": "kafka"})
    message.peer, message.peer_kind = "mail", "mq"
    plain_entry = Entry(tracer.process, TRACE + 1, "nightly")
    root = Span(plain_entry, None, 0, 4, "nightly", "local", {})
    child = Span(plain_entry, root, next(root.numbering().numbers), 5, "步骤", "local", {"a": "b"})
    still_open = Span(plain_entry, root, next(root.numbers), 6, "open", "local", {})
    for number, span in enumerate((server, call, message, root, child, still_open)):
        span.start_ns = START_NS + number * 1_000_000
        span.end_ns = span.start_ns + 48_210_000 if span is not still_open else 0
    return [server, call, message, root, child, still_open]


def message() -> bytes:
    """The golden message."""
    return wire.encode(PROCESS, [wire.pack(span) for span in spans()], REPORT)


def readable(value: Any) -> Any:
    """Bytes as hex, for the JSON twin that people read."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [readable(item) for item in value]
    return value
