"""Listening, moving to the next port, and ending cleanly."""

import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from hopline_deploy.ports import free_ports
from hopline_deploy.server import Address, PortTakenError, choose, listen, url
from support import Children, wait_until
from support.hopline_process import Server

PROGRAM = """
import gc, socket, sys, time
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from hopline_deploy.server import Address, listen, serve, url

running = []

def slow(request):
    running.append(1)
    time.sleep(1.0)
    return PlainTextResponse("done")

def waits(request):
    # Of connections that were accepted, whether Nagle's algorithm is on.
    own = [each for each in gc.get_objects() if isinstance(each, socket.socket) and each.fileno() >= 0]
    accepted = [each for each in own if each.family == socket.AF_INET and each not in sockets]
    return PlainTextResponse(str([not each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in accepted]))

app = Starlette(routes=[
    Route("/", lambda r: PlainTextResponse("here")),
    Route("/waits", waits),
    Route("/running", lambda r: PlainTextResponse(str(len(running)))),
    Route("/slow", slow),
])
sockets = [listen(Address("127.0.0.1", 0, named=False))[0] for _ in range(2)]
print("at", *map(url, sockets), flush=True)
serve(app, sockets, shutdown_s=5)
"""


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_default_port_moves_on(taken: int) -> None:
    """Section 8: a taken default port becomes the next free one, and says so."""
    port, remark = choose(Address("127.0.0.1", taken, named=False))
    assert port > taken
    assert remark == f"port {taken} is held by process {os.getpid()}"


def test_a_named_port_does_not_move(taken: int) -> None:
    """Section 8: a taken port that was named is refused with the holder's pid."""
    with pytest.raises(PortTakenError, match=f"port {taken} is held by process {os.getpid()}"):
        listen(Address("127.0.0.1", taken, named=True))


def test_ipv6_addresses_are_written_with_brackets() -> None:
    """A URL of an IPv6 listener can be pasted."""
    server, _ = listen(Address("::1", 0, named=False))
    with server:
        assert url(server).startswith("http://[::1]:")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(children: Children, number: int) -> None:
    """R6: SIGTERM and Ctrl-C end with 0, after the running requests."""
    child = children.python("-c", PROGRAM)
    first, second = child.wait_for_text("at ").split()[1:]
    assert httpx.get(first, timeout=60).text == httpx.get(second, timeout=60).text == "here"
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(httpx.get, f"{first}/slow", timeout=60)
        wait_until(lambda: httpx.get(f"{first}/running", timeout=60).text == "1", what="a running request")
        child.send(number)
        assert running.result().text == "done"
    assert child.wait(10) == 0


def test_both_ports_are_free_afterwards(children: Children) -> None:
    """A stopped server leaves nothing behind."""
    child = children.python("-c", PROGRAM)
    first, second = child.wait_for_text("at ").split()[1:]
    child.wait_for_url(second)
    assert child.stop() == 0
    for address in (first, second):
        port = int(address.rpartition(":")[2])
        wait_until(lambda port=port: choose(Address("127.0.0.1", port, named=True)), what="a free port")
    assert free_ports(2)


def test_a_kept_alive_answer_waits_for_no_acknowledgement(children: Children) -> None:
    """C: the body leaves with its header: with Nagle's algorithm on, each kept-alive answer takes 40 ms."""
    child = children.python("-c", PROGRAM)
    address = child.wait_for_text("at ").split()[1]
    assert httpx.get(f"{address}/waits", timeout=60).text == "[False]"


@pytest.mark.parametrize("level", ["info", "debug"])
def test_users_are_in_no_log(hopline_up: Callable[..., Server], tmp_path: Path, level: str) -> None:
    """Q3: addresses with a user's id leave no line, at the most talkative level either."""
    config = tmp_path / "hopline.toml"
    config.write_text(f'log_level = "{level}"\n')
    server = hopline_up("--config", str(config))
    uid = "u-81f3e0c7"
    addresses = [
        *(f"/users/{uid}", f"/go?text={uid}", f"/search?uid={uid}", f"/not-a-page/{uid}"),
        *(f"/api/v1/users/{uid}/timeline", f"/api/v1/traces?uid={uid}", f"/api/v1/users/{uid}/timeline?from=never"),
    ]
    statuses = [httpx.get(server.url + address, timeout=60).status_code for address in addresses]
    assert statuses == [200, 303, 200, 404, 200, 200, 400]
    assert server.child.stop() == 0
    assert uid not in server.child.output
