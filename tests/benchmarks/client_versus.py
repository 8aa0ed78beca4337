"""The rows of the client benchmark that set us beside OpenTelemetry's SDK (``client_otel.py``)."""

from collections.abc import Callable
from time import process_time_ns

from client_kafka import TOPIC
from client_otel import CASES, SAMPLED, UNSAMPLED, Peer, drive, raw_app
from client_process import request, shipping_tracer

from hopline import config as settings
from hopline import tracer as tracing
from hopline.middleware.asgi import TraceMiddleware

GOALS = [
    ("sampled child + 2 tags", "child", 0.085),
    ("unsampled child + 2 tags", "child off", 0.04),
    ("root with id and sampling decision", "root", 0.16),
    ("ASGI middleware added, sampled", "asgi", 0.045),
    ("ASGI middleware added, unsampled", "asgi off", 0.045),
    ("CPU per span, caller to broker", "total", 0.07),
]
"""Label, case, and the most of OpenTelemetry's cost that we want to take."""


FLUSHED = 5
"""Traces of 500 rows between two flushes: 2,500 rows, what 50 ms bring at 50,000 rows/s."""


class OurSide:
    """Middleware, and everything from the caller to the broker, by one tracer with its sender thread.

    ``endpoint`` is a broker; without one the rows are encoded, compressed and let go.
    """

    def __init__(self, operations: int, endpoint: str = "") -> None:
        if endpoint:
            config, problems = settings.load({"service": "bench", "endpoint": endpoint, "topic": TOPIC}, {})
            self.tracer = tracing.build(config, problems)
        else:
            self.tracer = shipping_tracer()
        self.operations = operations
        self.traced = TraceMiddleware(raw_app)

    def cases(self) -> dict[str, Callable[[], int]]:
        return {
            "asgi raw": lambda: drive(raw_app, SAMPLED, self.operations),
            "asgi": lambda: self._active(lambda: drive(self.traced, SAMPLED, self.operations)),
            "asgi off": lambda: self._active(lambda: drive(self.traced, UNSAMPLED, self.operations)),
            "total": lambda: self._active(self._total),
        }

    def close(self) -> None:
        self.tracer.reporter.close(5)

    def _total(self) -> int:
        begin = process_time_ns()
        for _ in range(FLUSHED):
            request(self.operations)
        assert self.tracer.reporter.flush(30)
        return (process_time_ns() - begin) // FLUSHED

    def _active(self, work: Callable[[], int]) -> int:
        before = tracing.activate(self.tracer)
        try:
            return work()
        finally:
            self.tracer.reporter.flush(30)
            tracing.activate(before)


def theirs(peer: Peer) -> dict[str, Callable[[], int]]:
    """Their cases under names of their own."""
    return {f"otel {name}": peer.case(name) for name in CASES}


def ratios(found: dict[str, float]) -> dict[str, float]:
    """Our share of their cost, by label; empty without their figures."""
    if "otel child" not in found:
        return {}
    return {label: cost(found, case) / cost(found, f"otel {case}") for label, case, _ in GOALS}


def cost(found: dict[str, float], case: str) -> float:
    """What a middleware adds is measured against the same application without it."""
    raw = f"{'otel ' if case.startswith('otel ') else ''}asgi raw"
    return found[case] - found[raw] if "asgi" in case else found[case]
