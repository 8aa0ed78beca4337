"""The rows of the client benchmark that set us beside OpenTelemetry's SDK (``client_otel.py``)."""

from collections.abc import Callable
from time import process_time_ns
from typing import Any

import lz4.frame
from client_otel import CASES, SAMPLED, UNSAMPLED, Peer, drive, raw_app
from client_process import request

from hopline import config as settings
from hopline import tracer as tracing
from hopline import wire
from hopline.counts import Counts
from hopline.hooks.asgi import TraceMiddleware
from hopline.report import Reporter
from hopline.transports.base import Batch
from hopline.transports.discard import DiscardTransport

GOALS = [
    ("sampled child + 2 tags", "child", 0.085),
    ("unsampled child + 2 tags", "child off", 0.04),
    ("root with id and sampling decision", "root", 0.16),
    ("ASGI middleware added, sampled", "asgi", 0.05),
    ("ASGI middleware added, unsampled", "asgi off", 0.06),
    ("CPU per span, caller to bytes", "total", 0.07),
]
"""Label, case, and the most of OpenTelemetry's cost that we want to take."""


class Compressing(DiscardTransport):
    """Encodes and compresses messages of 100 rows, as the Kafka transport has it done, and lets them go."""

    def send(self, batch: Batch) -> None:
        for first in range(0, len(batch.spans), 100):
            rows = wire.pack_all(batch.spans[first : first + 100])
            lz4.frame.compress(wire.encode(batch.process, rows))
        super().send(batch)


class OurSide:
    """Middleware, and everything from the caller to the bytes, by one tracer with its sender thread."""

    def __init__(self, operations: int) -> None:
        config, _ = settings.load({"service": "bench", "endpoint": "none:"}, {})
        counts = Counts()
        self.tracer = tracing.Tracer(config, Reporter(config, Compressing(counts), counts))
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
        request(self.operations)
        self.tracer.reporter.flush(30)
        return process_time_ns() - begin

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
    return {label: _cost(found, case) / _cost(found, f"otel {case}") for label, case, _ in GOALS}


def _cost(found: dict[str, float], case: str) -> float:
    """What a middleware adds is measured against the same application without it."""
    raw = f"{'otel ' if case.startswith('otel ') else ''}asgi raw"
    return found[case] - found[raw] if "asgi" in case else found[case]


def lines(answer: dict[str, Any]) -> list[str]:
    """The table for people."""
    found, shares = answer["ns"], answer["of_otel"]
    if not shares:
        return ["OpenTelemetry is not there to compare with: run 'bash deploy/setup/otel.sh'"]
    head = f"{'what':38}{'ours ns':>9}{'OTel ns':>9}{'share':>7}{'goal':>7}"
    return [head] + [
        f"{label:38}{_cost(found, case):9.0f}{_cost(found, f'otel {case}'):9.0f}{shares[label]:7.3f}{goal:7.3f}"
        for label, case, goal in GOALS
    ]
