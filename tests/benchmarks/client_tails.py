"""Tails of the latency: a request without tracing, with a bare tracer, and with ours; both ship all the while.

Both tracers have a sender thread that encodes and compresses messages of a hundred rows and lets
them go, so that what they take from the requests is the interpreter alone.
"""

import statistics
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import client_bare
from client_process import request, shipping_tracer

from hopline import tracer as tracing

ROWS = 10
GOAL, OVER_GOAL = 1.3, 0.0005
SLOW_NS = 2_000_000


def work() -> None:
    """About 40 us of an application's own work."""
    sum(n * n for n in range(600))


def bare_request() -> None:
    with client_bare.bare_span("root"):
        for _ in range(ROWS - 1):
            with client_bare.bare_span("child") as row:
                row.tag("tier", "gold")
                row.tag("cache", "miss")


def figures(rounds: int = 12, requests: int = 1_500) -> dict[str, Any]:
    """p50 and p99 (medians over the rounds), the share over 2 ms, and our added p99 as a multiple of the bare one's."""
    tracer = shipping_tracer()
    before = tracing.activate(tracer)
    kinds: dict[str, Callable[[], None]] = {
        "untraced": lambda: None,
        "bare": bare_request,
        "ours": lambda: request(ROWS),
    }
    p50: dict[str, list[float]] = {kind: [] for kind in kinds}
    p99: dict[str, list[float]] = {kind: [] for kind in kinds}
    slow = dict.fromkeys(kinds, 0)
    with client_bare.BareSender():
        for _ in range(rounds):
            for kind, act in kinds.items():
                samples = _timed(act, requests)
                cuts = statistics.quantiles(samples, n=100)
                p50[kind].append(cuts[49] / 1e3)
                p99[kind].append(cuts[98] / 1e3)
                slow[kind] += sum(sample > SLOW_NS for sample in samples)
                tracer.reporter.flush(30)
    tracing.activate(before)
    tracer.reporter.close(5)
    middle = {kind: statistics.median(values) for kind, values in p99.items()}
    return {
        "p50_us": {kind: statistics.median(values) for kind, values in p50.items()},
        "p99_us": middle,
        "over_2ms": {kind: slow[kind] / (rounds * requests) for kind in kinds},
        "added_p99": (middle["ours"] - middle["untraced"]) / (middle["bare"] - middle["untraced"]),
    }


def _timed(act: Callable[[], None], requests: int) -> list[int]:
    samples = []
    for _ in range(requests):
        begin = perf_counter_ns()
        work()
        act()
        samples.append(perf_counter_ns() - begin)
    return samples
