"""Senders that mean harm: half requests by the hundred, bodies that never end, headers without measure."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from support.accounts import RECEIVED, assert_balanced, gauge
from support.hopline_process import Server
from support.process_costs import Starved
from support.waiting import wait_until
from support.wire_rows import wire_message, wire_row

POST = b"POST /api/v1/spans HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
MEGABYTE = b" " * 1_000_000


@contextmanager
def connections(url: str, count: int) -> Iterator[list[socket.socket]]:
    """So many open connections; they end with the block."""
    address = httpx.URL(url)
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection((address.host, address.port or 0), timeout=60))
            for _ in range(count)
        ]


def assert_serves(server: Server, before: int) -> None:
    """A row is taken and accounted for, beside those of `before`, in good time, but for waits for a core."""
    began, starved = time.monotonic(), [Starved(pid) for pid in (os.getpid(), server.child.pid)]
    body = wire_message(wire_row(before + 1, start_us=time.time_ns() // 1000))
    headers = {"content-type": "application/msgpack"}
    assert httpx.post(f"{server.url}/api/v1/spans", content=body, headers=headers, timeout=60).status_code == 202
    assert time.monotonic() - began - sum(each.seconds() for each in starved) < 5.0
    wait_until(lambda: gauge(server.url, RECEIVED) == before + 1, what="the row in the ledger")
    assert_balanced(server.url, before + 1)


def status_of(connection: socket.socket) -> int:
    """The status of the answer that comes, or came, on this connection; 0 when it was closed without one."""
    with contextlib.suppress(ConnectionError):
        line = connection.recv(4_096).split(b"\r\n")[0].split()
        return int(line[1]) if line else 0
    return 0


def memory(pid: int) -> int:
    """Resident memory in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4_096


def test_half_requests_hold_nobody_up(hopline_up: Callable[..., Server]) -> None:
    """R3: hundreds of senders that stop in the middle of a header or a body; a slow body is answered 408."""
    server = hopline_up()
    with connections(server.url, 400) as slow:
        for number, connection in enumerate(slow):
            connection.sendall(POST if number % 2 else POST + b"content-length: 100\r\n\r\n[")
        assert_serves(server, before=0)
        assert {status_of(connection) for connection in slow[::2]} == {408}
    assert_serves(server, before=1)
    assert server.child.stop(10.0) == 0


def test_bodies_that_never_end_are_bounded_together(hopline_up: Callable[..., Server]) -> None:
    """R3: what all senders have sent and not finished counts too: 429 beyond the bound, and memory stays flat."""
    server = hopline_up()
    assert_serves(server, before=0)
    before = memory(server.child.pid)
    answers = []
    with connections(server.url, 60) as greedy:
        for connection in greedy:
            with contextlib.suppress(ConnectionError):
                connection.sendall(POST + b"content-length: 15000000\r\n\r\n[")
                for _ in range(14):
                    connection.sendall(MEGABYTE)
        assert memory(server.child.pid) - before < 400_000_000
        answers = [status_of(connection) for connection in greedy[-5:]]
    assert set(answers) <= {429, 0}
    assert_serves(server, before=1)
    assert server.child.stop(10.0) == 0


def test_headers_without_measure_are_refused(hopline_up: Callable[..., Server]) -> None:
    """R3: a megabyte of header, in one line or in many, is a bad request and closes the connection."""
    server = hopline_up()
    floods = [POST + b"x: " + MEGABYTE, POST + b"".join(b"x-%d: y\r\n" % number for number in range(60_000))]
    with connections(server.url, len(floods)) as greedy:
        for connection, flood in zip(greedy, floods, strict=True):
            with contextlib.suppress(ConnectionError):
                connection.sendall(flood)
            assert status_of(connection) in {400, 431, 0}
    assert_serves(server, before=0)
    assert server.child.stop(10.0) == 0
