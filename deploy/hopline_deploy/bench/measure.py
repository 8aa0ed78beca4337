"""A measured load: posts at a steady rate into a server of its own, until all of it is stored and settled."""

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hopline_collector.block.core import Message, build_block
from hopline_collector.handover.plan import Plan
from hopline_deploy.bench.meter import Reading, read
from hopline_deploy.bench.traffic import PER_TRACE, Post, posts, traces
from hopline_deploy.children import Children
from hopline_deploy.remote import Remote, RemoteError

_SLICE_S: Final = 0.5
_SETTLED_S: Final = 20.0
"""Traces are settled when their ten seconds of arrival and three more are over, within a round of five."""

_PATIENCE_S: Final = 120.0
_IDLE_S: Final = 4.0
_IDLE_LOOKS: Final = 2


class BenchError(RuntimeError):
    """Nothing could be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a span of one source costs."""

    source: str
    spans: int
    spans_per_s: float
    cpu_us: float
    """Of the whole server, store and settling included."""
    decode_us: float | None
    """Of it, taking messages apart and building blocks; None where that is not known."""
    block_rows: float
    message_bytes: float
    """As it is posted, inflated."""
    stored_bytes: float | None
    """In all tables together, compressed; None where other rows came and went meanwhile."""


@contextmanager
def server(folder: Path) -> Iterator[Remote]:
    """A `hopline up` of its own over an empty folder. Raises BenchError when it does not start."""
    children = Children(folder / "logs")
    environment = {name: text for name, text in os.environ.items() if not name.startswith("HOPLINE_")}
    command = [sys.executable, "-m", "hopline_deploy", "up", "--port", "0", "--otlp-port", "0"]
    child = children.start("up", [*command, "--data", str(folder / "data")], environment)
    try:
        yield _ready(child.log)
    finally:
        children.stop(15.0)


def _ready(log: Path) -> Remote:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        address = next((word for word in log.read_text().split() if word.startswith("http://")), "")
        try:
            if address:
                remote = Remote(address.rstrip(","))
                remote.read("health/ready")
                return remote
        except RemoteError:
            pass
        time.sleep(0.1)
    raise BenchError(f"the server does not start: {log.read_text()[-500:]}")


def measure(remote: Remote, source: str, rate: float, seconds: float) -> Cost:
    """Post `rate` spans a second for `seconds`; an idle server's CPU is taken off. Raises BenchError, RemoteError."""
    idle = _idle_share(remote)
    before, began = read(remote), time.monotonic()
    sent, made = _send(remote, source, rate, seconds)
    took = time.monotonic() - began
    after = _settled(remote, before, sent)
    used = after.since(before)
    cpu_s = max(0.0, used.cpu_s - idle * (time.monotonic() - began))
    return Cost(
        source=source,
        spans=sent,
        spans_per_s=round(sent / took, 1),
        cpu_us=round(cpu_s / used.rows * 1e6, 2),
        decode_us=round(_decode_us(source, made), 2),
        block_rows=round(used.rows / max(used.blocks, 1.0), 1),
        message_bytes=round(sum(len(post.body) for post in made) / sum(post.rows for post in made), 1),
        stored_bytes=round(used.store_bytes / used.rows, 1),
    )


def _idle_share(remote: Remote) -> float:
    """CPU seconds a second of a server that nobody asks; the quietest of some looks, for it has only just begun."""
    found = []
    for _ in range(_IDLE_LOOKS):
        before, began = read(remote), time.monotonic()
        time.sleep(_IDLE_S)
        found.append(read(remote).since(before).cpu_s / (time.monotonic() - began))
    return min(found)


def _send(remote: Remote, source: str, rate: float, seconds: float) -> tuple[int, list[Post]]:
    """How many rows went, and some posts of them."""
    chance, began, sent = random.Random(1), time.monotonic(), 0
    made: list[Post] = []
    while (passed := time.monotonic() - began) < seconds:
        due = int((rate * (passed + _SLICE_S) - sent) / PER_TRACE)
        made = posts(source, list(traces(chance, max(due, 1), time.time_ns() // 1_000)))
        for post in made:
            remote.send(post.path, post.body, {"Content-Type": post.content_type})
            sent += post.rows
        time.sleep(max(0.0, sent / rate - (time.monotonic() - began)))
    return sent, made


def _settled(remote: Remote, before: Reading, sent: int) -> Reading:
    deadline = time.monotonic() + _PATIENCE_S
    while read(remote).rows - before.rows < sent:
        if time.monotonic() > deadline:
            raise BenchError(f"not all of {sent} spans are stored after {_PATIENCE_S:g} s: take a lower --rate")
        time.sleep(0.2)
    time.sleep(_SETTLED_S)
    return read(remote)


def _decode_us(source: str, made: list[Post]) -> float:
    """CPU of this thread for building the block of some posts, per row; the best of three."""
    messages = [Message(number, source, post.body) for number, post in enumerate(made)]
    plan = Plan(0, len(messages), time.time_ns() // 1_000)
    best = min(_cpu_of(messages, plan) for _ in range(3))
    return best / sum(post.rows for post in made) * 1e6


def _cpu_of(messages: list[Message], plan: Plan) -> float:
    began = time.thread_time()
    build_block(messages, plan)
    return time.thread_time() - began
