"""What tracing costs a whole process: sender thread, memory, middleware."""

import statistics
import tracemalloc
from collections.abc import Awaitable, Callable
from time import perf_counter_ns, process_time_ns, sleep, thread_time_ns
from typing import Any

import lz4.frame

import hopline
from hopline import config as settings
from hopline import tracer as tracing
from hopline import wire
from hopline.counts import Counts
from hopline.middleware.asgi import TraceMiddleware
from hopline.report import Reporter
from hopline.transports.base import Batch
from hopline.transports.discard import DiscardTransport


class EncodingTransport(DiscardTransport):
    """Encodes and compresses messages of 100 rows, as the Kafka transport does, and lets them go."""

    def send(self, batch: Batch) -> None:
        for first in range(0, len(batch.spans), 100):
            lz4.frame.compress(wire.encode(batch.process, wire.pack_all(batch.spans[first : first + 100])))
            sleep(0)
        super().send(batch)


def shipping_tracer(**overrides: object) -> tracing.Tracer:
    """A tracer whose sender thread does all its work but the network's."""
    config, _ = settings.load({"service": "bench", "endpoint": "none:", **overrides}, {})
    counts = Counts()
    return tracing.Tracer(config, Reporter(config, EncodingTransport(counts), counts))


def request(spans: int) -> None:
    """One trace with ``spans`` rows of two tags."""
    with hopline.span("root"):
        for _ in range(spans - 1):
            with hopline.span("child") as row:
                row.tag("tier", "gold")
                row.tag("cache", "miss")


def shipping(rows: int = 50_000) -> dict[str, float]:
    """CPU of the process per row, caller, sender and encoding, at 50,000 rows/s; and what was dropped."""
    tracer = shipping_tracer()
    before = tracing.activate(tracer)
    cpu, begin = process_time_ns(), perf_counter_ns()
    for n in range(rows // 500):
        request(500)
        ahead = (n + 1) * 500 / 50_000 - (perf_counter_ns() - begin) / 1e9
        if ahead > 0:
            sleep(ahead)
    tracer.reporter.flush(30)
    spent = process_time_ns() - cpu
    seconds = (perf_counter_ns() - begin) / 1e9
    dropped = tracer.reporter.counters()["dropped"]
    tracer.reporter.close(5)
    tracing.activate(before)
    return {
        "ns_per_row": spent / rows,
        "rows_per_s": rows / seconds,
        "share_of_core": spent / 1e9 / seconds,
        "queue_full": dropped.get("queue_full", 0) if isinstance(dropped, dict) else 0,
    }


def memory_per_row(tracer: tracing.Tracer, traces: int = 50, rows: int = 100) -> float:
    """Bytes held per ended, unsent row with two tags, in traces of a root and 99 children."""
    before = tracing.activate(tracer)
    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]
    for _ in range(traces):
        request(rows)
    held = tracemalloc.get_traced_memory()[0] - base
    tracemalloc.stop()
    tracer.reporter.buffer.clear()
    tracing.activate(before)
    return held / (traces * rows)


Message = dict[str, Any]
PLAIN = [(b"host", b"x"), (b"user-agent", b"client/1"), (b"accept", b"*/*"), (b"connection", b"keep-alive")]
CONTEXT = [
    (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    (b"tracestate", b"hop=00f067aa0ba902b7;0.1;;gateway;sh-1;h0:8001;POST%20/checkout"),
    (b"baggage", b"uid=u1"),
]
UNSAMPLED = [(name, value.replace(b"-01", b"-00")) for name, value in CONTEXT]


async def raw_app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _receive() -> Message:
    return {"type": "http.request", "body": b""}


async def _send(message: Message) -> None:
    pass


def _drive(app: Any, headers: list[tuple[bytes, bytes]], requests: int = 400) -> float:
    """Nanoseconds per request, without an event loop."""
    begin = thread_time_ns()
    for _ in range(requests):
        scope = {"type": "http", "method": "GET", "path": "/orders", "headers": headers, "client": ("127.0.0.1", 5)}
        try:  # noqa: SIM105 - suppress() would cost a tenth of what is measured
            app(scope, _receive, _send).send(None)
        except StopIteration:
            pass
    return (thread_time_ns() - begin) / requests


def middleware(tracer: tracing.Tracer, rounds: int = 15) -> dict[str, float]:
    """Microseconds that the ASGI middleware adds to a request."""
    before = tracing.activate(tracer)
    traced = TraceMiddleware(raw_app)
    cases = {"no inbound context": PLAIN, "sampled": PLAIN + CONTEXT, "unsampled": PLAIN + UNSAMPLED}
    samples: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, headers in cases.items():
            samples[name].append(_drive(traced, headers) - _drive(raw_app, headers))
            tracer.reporter.buffer.clear()
    tracing.activate(before)
    return {name: statistics.median(values) / 1e3 for name, values in samples.items()}
