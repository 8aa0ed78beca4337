"""SIGTERM while something would go on for ever: in under 10 s, with 0, and nothing accepted is lost."""

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from hopline_deploy.broker import Broker
from support.accounts import RECEIVED, assert_balanced, gauge
from support.clickhouse_server import Server as ClickHouseServer
from support.hopline_process import Server
from support.process import Children
from support.waiting import wait_until
from support.wire_rows import wire_message, wire_row

# kafka-python leaves the sockets of refused connections to the garbage collector, which warns.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

SCRIPT = Path(__file__).with_name("up_process.py")
HALF_A_POST = (
    b"POST /api/v1/spans HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n["
)


def post_rows(url: str, count: int) -> None:
    now = time.time_ns() // 1000
    body = wire_message(*[wire_row(number + 1, start_us=now) for number in range(count)])
    answer = httpx.post(
        f"{url}/api/v1/spans", content=body, headers={"content-type": "application/msgpack"}, timeout=60
    )
    assert answer.status_code == 202


def unread_bytes(port: int) -> int:
    """What lies in the receive queues of connections to a port of a process that is stopped."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].partition(":")[2], 16) for row in rows if int(row[1].partition(":")[2], 16) == port)


def test_sigterm_beside_a_half_post_and_an_insert_without_end(
    hopline_up: Callable[..., Server], children: Children, tmp_path: Path
) -> None:
    """R1, R6: the request gets its share of the time, the insert is stopped in the engine, the next start ends it."""
    data = str(tmp_path / "data")
    child = children.python(str(SCRIPT), "up", "--port", "0", "--otlp-port", "0", "--data", data)
    url = child.wait_for_text("Hopline up: ").split()[2].rstrip(",")
    child.wait_for_url(f"{url}/health/ready")
    post_rows(url, 5)
    child.wait_for_text("inserting")
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port or 0)) as sender:
        sender.sendall(HALF_A_POST)
        # Answered on another connection: by then the half post has been read.
        assert httpx.get(f"{url}/health/live", timeout=60).status_code == 200
        assert child.stop(10.0) == 0
    again = hopline_up("--data", data)
    wait_until(lambda: gauge(again.url, RECEIVED) == 5, what="the rows of the stopped insert")
    assert_balanced(again.url, 5)
    assert again.child.stop(10.0) == 0


def test_sigterm_while_a_server_keeps_an_insert(
    hopline_up: Callable[..., Server], own_clickhouse: ClickHouseServer, tmp_path: Path
) -> None:
    """R1, R6: a server that takes a block and does not answer holds nobody up; the rows are stored when it is back."""
    data = str(tmp_path / "data")
    flags = ("--clickhouse", own_clickhouse.url, "--data", data)
    server = hopline_up(*flags, role="collector")
    post_rows(server.url, 5)
    wait_until(lambda: gauge(server.url, RECEIVED) == 5, what="the first rows")
    own_clickhouse.send(signal.SIGSTOP)
    post_rows(server.url, 3)
    wait_until(lambda: unread_bytes(own_clickhouse.port) > 200, what="an insert that nobody reads")
    assert server.child.stop(10.0) == 0
    own_clickhouse.send(signal.SIGCONT)
    again = hopline_up(*flags, role="collector")
    wait_until(lambda: gauge(again.url, RECEIVED) == 8, what="all rows")
    assert_balanced(again.url, 8)
    assert again.child.stop(10.0) == 0


def test_sigterm_while_the_store_is_away(
    hopline_up: Callable[..., Server], own_clickhouse: ClickHouseServer, tmp_path: Path
) -> None:
    """R1, R6: a block that is tried again and again is left to its plan; it is stored when the store is back."""
    data = str(tmp_path / "data")
    flags = ("--clickhouse", own_clickhouse.url, "--data", data)
    server = hopline_up(*flags, role="collector")
    post_rows(server.url, 5)
    wait_until(lambda: gauge(server.url, RECEIVED) == 5, what="the first rows")
    own_clickhouse.kill9()
    post_rows(server.url, 3)
    server.child.wait_for_text("trying again")
    assert server.child.stop(10.0) == 0
    own_clickhouse.start()
    again = hopline_up(*flags, role="collector")
    wait_until(lambda: gauge(again.url, RECEIVED) == 8, what="all rows")
    assert_balanced(again.url, 8)
    assert again.child.stop(10.0) == 0


def test_sigterm_while_the_broker_is_away(
    hopline_up: Callable[..., Server], own_broker: Broker, own_clickhouse: ClickHouseServer, tmp_path: Path
) -> None:
    """R1, R6: the group cannot be left in order; the end waits for nobody, and the next start goes on."""
    flags = ("--clickhouse", own_clickhouse.url, "--kafka", own_broker.address, "--data", str(tmp_path / "data"))
    server = hopline_up(*flags, role="collector")
    post_rows(server.url, 5)
    wait_until(lambda: gauge(server.url, RECEIVED) == 5, what="the first rows")
    assert_balanced(server.url, 5)
    own_broker.kill9()
    assert server.child.stop(10.0) == 0
    own_broker.start()
    again = hopline_up(*flags, role="collector")
    post_rows(again.url, 3)
    wait_until(lambda: gauge(again.url, RECEIVED) == 8, what="all rows")
    assert_balanced(again.url, 8)
    assert again.child.stop(10.0) == 0
