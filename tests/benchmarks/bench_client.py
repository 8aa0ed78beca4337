"""What tracing costs the caller, as ratios to the barest span that Python can make.

    python tests/benchmarks/bench_client.py [--rounds N] [--json] [--instructions] [--page FILE]

Each round asks every case in shuffled order, and the table shows medians over the
rounds; OpenTelemetry answers from a process of its own. `bare` is the minimal span: a
context variable, two clock readings, an id string, an object with slots, a
dictionary and a deque; no limits, links, error detail or thread-safe numbers.
Nanoseconds belong to the machine; the ratios are what counts.
"""

import argparse
import contextlib
import gc
import json
import random
import statistics
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import thread_time_ns

import msgspec

import hopline
from hopline import config as settings
from hopline import tracer as tracing
from hopline import wire
from hopline.counts import Counts
from hopline.limits import Limits
from hopline.report import Reporter
from hopline.transports.memory import MemoryTransport

sys.path.insert(0, str(Path(__file__).parent))

import client_ends
import client_instructions
import client_kafka
import client_otel
import client_process
import client_report
import client_tails
import client_versus
from client_bare import (
    BareSpan,
    bare_buffer,
    bare_get,
    bare_noop,
    bare_set,
    bare_span,
    bare_traced,
)

CHILDREN = 500
"""Spans made between two emptyings of the buffer."""

LIMIT = 2.0
"""Most bare spans that a sampled child may cost."""


def plain() -> None:
    pass


bare_decorated = bare_traced(plain)
decorated = hopline.trace(name="decorated")(plain)


def in_bare_trace(work: Callable[[], None], *, sampled: bool) -> Callable[[], int]:
    """A case that runs ``work`` under a bare root, or in an unsampled trace."""

    def case() -> int:
        before = bare_get()
        bare_set(BareSpan("root") if sampled else bare_noop)
        begin = thread_time_ns()
        work()
        spent = thread_time_ns() - begin
        bare_set(before)
        bare_buffer.clear()
        return spent

    return case


def bare_children() -> None:
    for _ in range(CHILDREN):
        with bare_span("child") as row:
            row.tag("tier", "gold")
            row.tag("cache", "miss")


def bare_decorations() -> None:
    for _ in range(CHILDREN):
        bare_decorated()


def bare_roots() -> int:
    begin = thread_time_ns()
    for _ in range(CHILDREN):
        with bare_span("root"):
            pass
    spent = thread_time_ns() - begin
    bare_buffer.clear()
    return spent


def plain_calls() -> int:
    begin = thread_time_ns()
    for _ in range(CHILDREN):
        plain()
    return thread_time_ns() - begin


class Ours:
    """The cases of one tracer whose sender thread does not run: the buffer is emptied by hand."""

    def __init__(self, sample: float) -> None:
        config, _ = settings.load({"service": "bench", "endpoint": "memory:", "sample": sample}, {})
        self.reporter = Reporter(config, MemoryTransport(Counts()), Counts())
        self.reporter.thread = threading.current_thread()  # keeps the sender from starting
        self.tracer = tracing.Tracer(config, self.reporter)

    def _run(self, work: Callable[[], int]) -> int:
        before = tracing.activate(self.tracer)
        try:
            return work()
        finally:
            tracing.activate(before)
            self.reporter.buffer.clear()

    def children(self) -> int:
        def work() -> int:
            span = hopline.span
            with span("root"), span("first"):
                pass
            with span("root"):
                with span("first"):
                    pass
                begin = thread_time_ns()
                for _ in range(CHILDREN):
                    with span("child") as row:
                        row.tag("tier", "gold")
                        row.tag("cache", "miss")
                return thread_time_ns() - begin

        return self._run(work)

    def decorations(self) -> int:
        def work() -> int:
            with hopline.span("root"):
                with hopline.span("first"):
                    pass
                begin = thread_time_ns()
                for _ in range(CHILDREN):
                    decorated()
                return thread_time_ns() - begin

        return self._run(work)

    def roots(self) -> int:
        def work() -> int:
            span = hopline.span
            begin = thread_time_ns()
            for _ in range(CHILDREN):
                with span("root"):
                    pass
            return thread_time_ns() - begin

        return self._run(work)


@dataclass
class Encoding:
    """What the sender thread does per row: limits, packing, MessagePack; and the bytes."""

    ours: Ours

    def __post_init__(self) -> None:
        before = tracing.activate(self.ours.tracer)
        with hopline.span("root"):
            for n in range(100):
                with hopline.span("child") as row:
                    row.tag("tier", "gold")
                    row.tag("cache", f"u{n % 10}")
        tracing.activate(before)
        self.spans = list(self.ours.reporter.buffer)[1:]
        self.ours.reporter.buffer.clear()
        self.limits = Limits(self.ours.tracer.config, Counts())
        self.tuples = [
            (b"0" * 16, "0.1", 2**63, 1, 0, "child", 10**15, 10, {"tier": "gold", "cache": "u1"}) for _ in self.spans
        ]
        self.encoder = msgspec.msgpack.Encoder()

    def ready(self) -> int:
        """The floor: rows that are tuples already."""
        begin = thread_time_ns()
        for _ in range(5):
            self.encoder.encode(self.tuples)
        return thread_time_ns() - begin

    def packed(self) -> int:
        """Packing and encoding."""
        begin = thread_time_ns()
        for _ in range(5):
            wire.encode({}, wire.pack_all(self.spans))
        return thread_time_ns() - begin

    def checked(self) -> int:
        """The check of the limits, for rows whose names and keys are known."""
        begin = thread_time_ns()
        for _ in range(5):
            self.limits.apply_all(self.spans)
        return thread_time_ns() - begin

    def sizes(self) -> tuple[float, float]:
        import lz4.frame

        raw = wire.encode({}, wire.pack_all(self.spans))
        return len(raw) / len(self.spans), len(lz4.frame.compress(raw)) / len(self.spans)


def measure(rounds: int) -> tuple[dict[str, float], Encoding]:
    """Median nanoseconds per operation of each case."""
    on, off = Ours(1.0), Ours(0.0)
    encoding = Encoding(Ours(1.0))
    cases: dict[str, Callable[[], int]] = {
        "bare child": in_bare_trace(bare_children, sampled=True),
        "child": on.children,
        "bare child off": in_bare_trace(bare_children, sampled=False),
        "child off": off.children,
        "bare decorated": in_bare_trace(bare_decorations, sampled=True),
        "decorated": on.decorations,
        "bare decorated off": in_bare_trace(bare_decorations, sampled=False),
        "decorated off": off.decorations,
        "bare root": bare_roots,
        "root": on.roots,
        "plain call": plain_calls,
        "bare encode": encoding.ready,
        "encode": encoding.packed,
        "limits": encoding.checked,
    }
    with contextlib.ExitStack() as stack:
        endpoint = ""
        if client_kafka.available():
            ship = stack.enter_context(client_kafka.Shipping(CHILDREN))
            endpoint = ship.endpoint
            cases |= {"ship": ship.whole, "ship ready": ship.ready}
        beside = client_versus.OurSide(CHILDREN, endpoint)
        stack.callback(beside.close)
        cases |= beside.cases()
        if client_otel.available():
            cases |= client_versus.theirs(stack.enter_context(client_otel.Peer(CHILDREN)))
        samples = interleaved(cases, rounds)
    return {name: statistics.median(found[rounds // 10 :]) / CHILDREN for name, found in samples.items()}, encoding


def interleaved(cases: dict[str, Callable[[], int]], rounds: int) -> dict[str, list[int]]:
    """What each case answered in each round; nothing runs at the same time as another case."""
    samples: dict[str, list[int]] = {name: [] for name in cases}
    names = list(cases)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            gc.collect()
            samples[name].append(cases[name]())
    return samples


def main() -> int:
    """Print the table; exit 1 when the sampled child costs more than twice the bare one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--instructions", action="store_true", help="also count them under callgrind (20 s)")
    parser.add_argument("--page", type=Path, help="write the figures as a page of the documentation")
    options = parser.parse_args()
    found, encoding = measure(options.rounds)
    for name in found:
        if "decorated" in name:
            found[name] -= found["plain call"]
    raw, compressed = encoding.sizes()
    answer = {
        "ns": found,
        "bytes_raw": raw,
        "bytes_lz4": compressed,
        "memory_per_row": client_process.memory_per_row(Ours(1.0).tracer),
        "middleware_us": client_process.middleware(Ours(1.0).tracer),
        "shipping": client_process.shipping(),
        "tails": client_tails.figures(),
        "ends_ms": client_ends.figures(),
        "instructions": client_instructions.figures() if options.instructions else {},
    }
    sections = client_report.sections(answer)
    print(json.dumps(answer, indent=1) if options.json else client_report.text(sections))
    if options.page:
        options.page.write_text(client_report.page(sections, options.rounds))
    return 0 if found["child"] <= LIMIT * found["bare child"] else 1


if __name__ == "__main__":
    sys.exit(main())
