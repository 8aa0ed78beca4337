"""The barest span that Python can make: what bench_client.py measures ours against."""

import random
import threading
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from time import sleep, time_ns
from typing import Self

import lz4.frame
import msgspec

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


class BareSender:
    """The least that a sender thread can do: encode and compress a hundred rows at a time, and let them go."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            while bare_buffer:
                spans = [bare_buffer.popleft() for _ in range(min(100, len(bare_buffer)))]
                rows = [(s.trace, s.id, s.name, s.start, s.end - s.start, s.tags) for s in spans]
                lz4.frame.compress(msgspec.msgpack.encode(rows))
                sleep(0)
