"""Bodies of 20 MB that are made to cost as much as they can, to a server in a process of its own."""

import gzip
import os
import time
import zlib
from collections.abc import Callable
from typing import NamedTuple

import httpx
import pytest
import zstandard

from support.accounts import wait_handed_over
from support.hopline_process import Server
from support.process_costs import cpu_seconds, peak_memory, reset_peak
from support.waiting import wait_until
from support.worst_bodies import SHAPES, Worst, worst

CPU_SECONDS = 5.0
MEMORY_BYTES = 600_000_000
QUIET_SECONDS = 2.5
"""Longer than a message waits for its block."""
SHORT = ("zipkin: ordinary spans", "native packed: rows without identity", "native packed: lists")
CHOSEN = tuple(SHAPES) if os.environ.get("HOPLINE_TEST_FULL") else SHORT
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, 6),
    "deflate": lambda body: zlib.compress(body, 6),
    "zstd": lambda body: zstandard.ZstdCompressor().compress(body),
}


class Rest(NamedTuple):
    """A process that has handed over all that it took and does nothing more to speak of."""

    cpu: float
    """Seconds it has spent."""
    at: float
    """When that was, by the clock."""
    share: float
    """Of a core that it spends at rest."""

    def spent_since(self, server: Server) -> float:
        """CPU seconds from here to now, without what would have been spent at rest, which grows with the wait alone."""
        return cpu_seconds(server.child.pid) - self.cpu - self.share * (time.monotonic() - self.at)


def at_rest(server: Server) -> Rest:
    """Wait for the process to rest."""
    last = [Rest(-1.0, 0.0, 1.0)]

    def quiet() -> bool:
        cpu, now, before = cpu_seconds(server.child.pid), time.monotonic(), last[0]
        last[0] = Rest(cpu, now, (cpu - before.cpu) / (now - before.at))
        return cpu - before.cpu < QUIET_SECONDS / 10

    wait_until(quiet, 120.0, interval=QUIET_SECONDS, what="a process at rest")
    return last[0]


def post(server: Server, posted: Worst, encoding: str) -> int:
    packed = PACKERS[encoding](posted.body)
    headers = {"content-type": posted.content_type, "content-encoding": encoding}
    return httpx.post(f"{server.url}{posted.path}", content=packed, headers=headers, timeout=120.0).status_code


@pytest.mark.parametrize("name", CHOSEN)
def test_the_worst_body_costs_little(hopline_up: Callable[..., Server], name: str) -> None:
    """K4: inflated by turns from gzip, deflate and zstd: < 600 MB above rest, < 5 s of CPU until stored, or refused."""
    server = hopline_up()
    encoding = tuple(PACKERS)[CHOSEN.index(name) % len(PACKERS)]
    post(server, worst(name, 100_000), encoding)
    before = at_rest(server)
    idle = reset_peak(server.child.pid)
    status = post(server, worst(name), encoding)
    assert status in {200, 202, 400, 413}
    wait_handed_over(server.url, interval=0.25)
    spent = before.spent_since(server)  # and not later: on a busy machine other chores begin meanwhile
    at_rest(server)
    more = peak_memory(server.child.pid) - idle
    assert spent < CPU_SECONDS
    assert more < MEMORY_BYTES
    assert httpx.get(f"{server.url}/health/ready", timeout=60).status_code == 200
