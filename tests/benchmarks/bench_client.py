"""What tracing costs the caller, as ratios to the barest span that Python can make.

    python tests/benchmarks/bench_client.py [--rounds N] [--json]

Everything runs in one process, interleaved: each round asks every case in shuffled
order, and the table shows medians over the rounds. `bare` is the minimal span: a
context variable, two clock readings, an id string, an object with slots, a
dictionary and a deque; no limits, links, error detail or thread-safe numbers.
Nanoseconds belong to the machine; the ratios are what counts.
"""

import argparse
import gc
import json
import random
import statistics
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter_ns, process_time_ns, thread_time_ns, time_ns
from typing import Self

import msgspec

import hopline
from hopline import config as settings
from hopline import tracer as tracing
from hopline import wire
from hopline.counts import Counts
from hopline.limits import Limits
from hopline.report import Reporter
from hopline.transports.memory import MemoryTransport

CHILDREN = 500
"""Spans made between two emptyings of the buffer."""


# ---- the bare span -------------------------------------------------------------------------

bare_current: ContextVar["BareSpan | BareNoop | None"] = ContextVar("bare_current", default=None)
bare_get = bare_current.get
bare_set = bare_current.set
BARE_RATE = 1.0
bare_buffer: deque["BareSpan"] = deque(maxlen=20_000)


class BareSpan:
    __slots__ = ("children", "end", "id", "name", "parent", "sampled", "start", "tags", "trace")

    def __init__(self, name: str) -> None:
        parent = bare_get()
        self.name = name
        self.parent = parent
        self.children = 0
        if parent is None:
            self.trace = f"{random.getrandbits(128):032x}"
            self.sampled = random.random() < BARE_RATE
            self.id = "0"
        else:
            self.trace = parent.trace
            parent.children += 1
            self.id = f"{parent.id}.{parent.children}"
        self.tags: dict[str, str] = {}

    def __enter__(self) -> Self:
        bare_set(self)
        self.start = time_ns()
        return self

    def __exit__(self, *exc: object) -> None:
        self.end = time_ns()
        bare_set(self.parent)
        bare_buffer.append(self)

    def tag(self, key: str, value: str) -> None:
        self.tags[key] = value


class BareNoop:
    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def tag(self, key: str, value: str) -> None:
        pass


bare_noop = BareNoop()


def bare_span(name: str) -> BareSpan | BareNoop:
    """Asks whether the trace it is in is sampled, as every tracer must."""
    return bare_noop if bare_get() is bare_noop else BareSpan(name)


def bare_traced(function: Callable[[], None]) -> Callable[..., None]:
    def wrapper(*args: object, **kwargs: object) -> None:
        if bare_get() is bare_noop:
            return function(*args, **kwargs)
        with BareSpan("decorated"):
            return function(*args, **kwargs)

    return wrapper


# ---- cases ---------------------------------------------------------------------------------


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

    def full(self) -> int:
        begin = thread_time_ns()
        for _ in range(5):
            for span in self.spans:
                span.path = ""
                self.limits.apply(span)
            wire.encode({}, [wire.pack(span) for span in self.spans])
        return thread_time_ns() - begin

    def sizes(self) -> tuple[float, float]:
        import lz4.frame

        raw = wire.encode({}, [wire.pack(span) for span in self.spans])
        return len(raw) / len(self.spans), len(lz4.frame.compress(raw)) / len(self.spans)


def shipping() -> dict[str, float]:
    """CPU of the whole process per row at full speed, sender thread included, and what the caller paid."""
    hopline.configure(service="bench", endpoint="none:", buffer_rows=200_000)
    rows = 50_000
    wall, cpu = perf_counter_ns(), process_time_ns()
    for _ in range(rows // 500):
        with hopline.span("root"):
            for _ in range(499):
                with hopline.span("child") as row:
                    row.tag("tier", "gold")
                    row.tag("cache", "miss")
    caller = process_time_ns() - cpu
    hopline.flush(30)
    total = process_time_ns() - cpu
    counters = hopline.counters()
    hopline.shutdown(5)
    return {
        "rows": rows,
        "rows_per_s": rows / ((perf_counter_ns() - wall) / 1e9),
        "caller_ns": caller / rows,
        "total_ns": total / rows,
        "queue_full": counters["dropped"].get("queue_full", 0),
    }


def memory_per_row() -> float:
    """Bytes held per ended, unsent row with two tags."""
    import tracemalloc

    ours = Ours(1.0)
    before = tracing.activate(ours.tracer)
    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]
    with hopline.span("root"):
        for _ in range(5_000):
            with hopline.span("child") as row:
                row.tag("tier", "gold")
                row.tag("cache", "miss")
    held = tracemalloc.get_traced_memory()[0] - base
    tracemalloc.stop()
    tracing.activate(before)
    return held / 5_000


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
        "encode": encoding.full,
    }
    samples: dict[str, list[int]] = {name: [] for name in cases}
    names = list(cases)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            gc.collect()
            samples[name].append(cases[name]())
    return {name: statistics.median(found[rounds // 10 :]) / CHILDREN for name, found in samples.items()}, encoding


GOALS = [
    ("sampled child + 2 tags", "child", "bare child", 1.5),
    ("unsampled child + 2 tags", "child off", "bare child off", 1.25),
    ("decorated no-op, sampled", "decorated", "bare decorated", 1.2),
    ("decorated no-op, unsampled", "decorated off", "bare decorated off", 1.3),
    ("root with id and sampling decision", "root", "bare root", 1.5),
]


def main() -> int:
    """Print the table; exit 1 when the sampled child costs more than twice the bare one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found, encoding = measure(options.rounds)
    for name in found:
        if "decorated" in name:
            found[name] -= found["plain call"]
    raw, compressed = encoding.sizes()
    ratios = {label: found[ours] / found[bare] for label, ours, bare, _ in GOALS}
    shipped = shipping()
    answer = {
        "ns": found,
        "ratios": ratios,
        "bytes_raw": raw,
        "bytes_lz4": compressed,
        "memory_per_row": memory_per_row(),
        "shipping": shipped,
    }
    if options.json:
        print(json.dumps(answer, indent=1))
    else:
        print(f"{'what':38}{'ours ns':>9}{'bare ns':>9}{'ratio':>7}{'goal':>7}")
        for label, ours, bare, goal in GOALS:
            print(f"{label:38}{found[ours]:9.0f}{found[bare]:9.0f}{ratios[label]:7.2f}{goal:7.2f}")
        print(f"{'encode per row':38}{found['encode']:9.0f}{found['bare encode']:9.0f}{'':7}{'300 ns':>7}")
        print(f"bytes per row: {raw:.0f} raw, {compressed:.0f} lz4 (goals 100, 30)")
        print(f"memory per buffered row: {answer['memory_per_row']:.0f} B (goal 460)")
        print(
            f"caller and sender thread: {shipped['total_ns']:.0f} ns CPU per row"
            f" at {shipped['rows_per_s']:,.0f} rows/s, {shipped['queue_full']} dropped"
        )
    return 0 if ratios["sampled child + 2 tags"] <= 2.0 else 1


if __name__ == "__main__":
    sys.exit(main())
