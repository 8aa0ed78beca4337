"""OpenTelemetry's side of the client benchmark, in a process of its own.

The benchmark starts this file with the interpreter of ``.cache/otel`` and asks it, round by
round, for one case after the other: a name on stdin, nanoseconds on stdout. Everything up to
the last hop is real: SDK, batch processor, OTLP encoding, the ASGI instrumentation with W3C
propagation; the encoded bytes are thrown away.
"""

import gc
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import process_time_ns, thread_time_ns
from typing import Any, Self

HOME = Path(__file__).parents[2] / ".cache/otel"
CASES = ("child", "child off", "root", "asgi raw", "asgi", "asgi off", "total")

Message = dict[str, Any]
PLAIN = [(b"host", b"x"), (b"user-agent", b"client/1"), (b"accept", b"*/*"), (b"connection", b"keep-alive")]
SAMPLED = [
    *PLAIN,
    (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    (b"tracestate", b"hop=00f067aa0ba902b7;0.1;;gateway;sh-1;h0:8001;POST%20/checkout"),
    (b"baggage", b"uid=u1"),
]
UNSAMPLED = [(name, value.replace(b"b7-01", b"b7-00")) for name, value in SAMPLED]


async def raw_app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _receive() -> Message:
    return {"type": "http.request", "body": b""}


async def _send(message: Message) -> None:
    pass


def drive(app: Any, headers: list[tuple[bytes, bytes]], requests: int) -> int:
    """CPU nanoseconds of the caller for so many requests, without an event loop."""
    begin = thread_time_ns()
    for _ in range(requests):
        scope = {
            "type": "http", "method": "GET", "path": "/orders", "raw_path": b"/orders", "query_string": b"",
            "root_path": "", "scheme": "http", "http_version": "1.1", "headers": headers,
            "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        try:  # noqa: SIM105 - suppress() would cost a tenth of what is measured
            app(scope, _receive, _send).send(None)
        except StopIteration:
            pass
    return thread_time_ns() - begin


class Peer:
    """The process, seen from the benchmark. Use it with ``with``."""

    def __init__(self, operations: int) -> None:
        command = [str(HOME / "bin/python"), "-P", __file__, str(operations)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def case(self, name: str) -> Callable[[], int]:
        """Asks for one run of case ``name``: nanoseconds for all its operations."""
        return lambda: self._ask(name)

    def _ask(self, name: str) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(name + "\n")
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.communicate()


def available() -> bool:
    """Whether ``deploy/setup/otel.sh`` has built the environment."""
    return (HOME / "hopline-stamp").exists()


class Cases:
    """The cases, inside the process."""

    def __init__(self, operations: int) -> None:
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

        class Encoding(SpanExporter):
            def export(self, spans: Any) -> SpanExportResult:
                encode_spans(spans).SerializeToString()
                return SpanExportResult.SUCCESS

        self.operations = operations
        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(Encoding()))
        off = TracerProvider(sampler=ParentBased(ALWAYS_OFF))
        off.add_span_processor(BatchSpanProcessor(Encoding()))
        self.on, self.off = self.provider.get_tracer("bench"), off.get_tracer("bench")
        self.traced = OpenTelemetryMiddleware(raw_app, tracer_provider=self.provider)

    def run(self, name: str) -> int:
        """Nanoseconds of one run; what is left to export is exported outside of it."""
        gc.collect()
        spent = {
            "child": lambda: self.children(self.on),
            "child off": lambda: self.children(self.off),
            "root": self.roots,
            "asgi raw": lambda: drive(raw_app, SAMPLED, self.operations),
            "asgi": lambda: drive(self.traced, SAMPLED, self.operations),
            "asgi off": lambda: drive(self.traced, UNSAMPLED, self.operations),
            "total": self.total,
        }[name]()
        self.provider.force_flush()
        return spent

    def children(self, tracer: Any) -> int:
        with tracer.start_as_current_span("root"):
            begin = thread_time_ns()
            for _ in range(self.operations):
                with tracer.start_as_current_span("child") as span:
                    span.set_attribute("tier", "gold")
                    span.set_attribute("cache", "miss")
            return thread_time_ns() - begin

    def roots(self) -> int:
        begin = thread_time_ns()
        for _ in range(self.operations):
            with self.on.start_as_current_span("root"):
                pass
        return thread_time_ns() - begin

    def total(self) -> int:
        begin = process_time_ns()
        self.children(self.on)
        self.provider.force_flush()
        return process_time_ns() - begin


def main() -> None:
    """Answer each name with the nanoseconds of one run, until stdin ends."""
    cases = Cases(int(sys.argv[1]))
    for line in sys.stdin:
        print(cases.run(line.strip()), flush=True)


if __name__ == "__main__":
    main()
