"""Parts of the fault tests: a collector that is killed, load that is acknowledged, and the books at the end."""

import itertools
import json
import random
import signal
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer

from hopline_collector.handover.ledger import flaws
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from support.accounts import RECEIVED, assert_balanced, gauge
from support.engine import Front
from support.leftovers import collect_refused_sockets
from support.oracle import differences, rows_of
from support.ports import lasting_ports
from support.process import Child, Children
from support.waiting import wait_until
from support.wire_rows import random_row, wire_message

SCRIPT = Path(__file__).parents[1] / "faults" / "collector_process.py"
ROWS = 40


class Killable:
    """Starts a collector process with the same settings again and again."""

    def __init__(self, children: Children, **settings: Any) -> None:
        (self.port,) = lasting_ports(1)
        self._children = children
        data = str(children.directory / f"collector-{self.port}")
        usual = {"port": self.port, "data": data, "block_rows": 1_000, "block_seconds": 0.2}
        self.settings: dict[str, Any] = {**usual, **settings}
        self.process: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> Child:
        """Start it and do not wait for anything."""
        self.process = self._children.python(str(SCRIPT), json.dumps(self.settings))
        return self.process

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.launch().wait_for_url(f"{self.url}/health/live")

    def die_at(self, step: str) -> None:
        """Start it, and wait for its death at that step of the hand-over (tests/faults/dying.py)."""
        self.process = self._children.python(str(SCRIPT), json.dumps({**self.settings, "die_at": step}))
        assert self.process.wait(60.0) == -signal.SIGKILL, self.process.output[-3000:]

    def kill9(self) -> None:
        self._running().kill9()

    def stop(self, within: float = 15.0) -> int:
        """SIGTERM, once the accounting identity was seen to hold; the exit code, -9 when it took longer."""
        self.balanced()
        return self._running().stop(within)

    def balanced(self, received: int | None = None) -> None:
        """Assert the accounting identity as /metrics shows it, and how many rows were received."""
        self._running()
        assert_balanced(self.url, received)

    def troubles(self) -> dict[str, str]:
        """What /health/ready says stands in the way, by part."""
        return dict(httpx.get(f"{self.url}/health/ready", timeout=60).json()["troubles"])

    def gauge(self, name: str) -> float:
        """The value of one line of /metrics; an `AssertionError` while it is not there."""
        self._running()
        return gauge(self.url, name)

    def wait_for_rows(self, count: int, deadline: float = 120.0) -> None:
        """Wait until the ledger has received at least `count` rows; fails at once when the process is gone."""
        seen = [-1.0]

        def enough() -> bool:
            seen[0] = self.gauge(RECEIVED)
            return seen[0] >= count

        try:
            wait_until(enough, deadline, what=f"{count} rows in the ledger")
        except AssertionError as error:
            raise AssertionError(f"{seen[0]:.0f} of {count} rows; {self._running().output[-3000:]}") from error

    def _running(self) -> Child:
        """The process; it fails the test when that has ended by itself, and says how."""
        assert self.process is not None
        if not self.process.running():
            pytest.fail(f"ended with {self.process.wait()}:\n{self.process.output[-6000:]}", pytrace=False)
        return self.process


def post(collector: Killable, body: bytes) -> bool:
    """Post under a batch id that a repetition after a death shares; whether it was accepted."""
    headers = {"content-type": "application/msgpack", "hopline-batch-id": sha256(body).hexdigest()}
    try:
        answer = httpx.post(f"{collector.url}/api/v1/spans", content=body, headers=headers, timeout=30.0)
    except httpx.HTTPError:
        return False
    return answer.status_code == 202


class Load:
    """Sends messages until told to stop; `acknowledged` are the bodies that were taken."""

    def __init__(self, send: Callable[[bytes], bool], pause: float) -> None:
        self.acknowledged: list[bytes] = []
        self._send = send
        self._pause = pause
        self._stop = threading.Event()
        self._abandon = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        source = random.Random(7)
        while not self._stop.is_set():
            now = time.time_ns() // 1000
            body = wire_message(*[random_row(source, now=now) for _ in range(ROWS)])
            # Sent until it is acknowledged, even after the stop: what is under way may be stored already.
            while not self._send(body) and not self._abandon.wait(0.05):
                pass
            if not self._abandon.is_set():
                self.acknowledged.append(body)
            self._stop.wait(self._pause)

    def stop(self, timeout: float = 60.0) -> None:
        """Send no more, after what is under way was acknowledged."""
        self._stop.set()
        self._thread.join(timeout)
        self._abandon.set()
        self._thread.join()


def check_books(store: ClickHouse, bodies: list[bytes]) -> None:
    """Every table equals the recount of `bodies`, the ledger tiles every partition and balances."""
    with store.reader() as handle:
        rows = handle.query(
            "SELECT source, topic, partition, start_offset, end_offset, gap, received, stored, dead, duplicate"
            f" FROM {store.database}.ledger"
        ).result_rows
    by_partition: dict[Any, list[tuple[int, int]]] = {}
    for *key, start, end, gap, received, stored, dead, duplicate in rows:
        assert not gap
        assert received == stored + dead + duplicate
        by_partition.setdefault(tuple(key), []).append((start, end))
    assert by_partition
    for ranges in by_partition.values():
        broken = list(flaws(ranges))
        assert not broken, broken
        assert len(set(ranges)) == len(ranges)
    found = differences(store, rows_of(bodies, time.time_ns() // 1000))
    assert not found, found


class Rig:
    """Starts collectors, load and producers, and checks the books; `close` ends all of it."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._closers: list[Callable[[], object]] = []

    def collector(self, **settings: Any) -> Killable:
        return Killable(self._children, **settings)

    def load(self, send: Callable[[bytes], bool], pause: float = 0.03) -> Load:
        """Call `send` in a thread, again and again; it returns whether the body was acknowledged."""
        running = Load(send, pause)
        self._closers.append(lambda: running.stop(0.0))
        return running

    def kafka_load(self, address: str, topic: str, partitions: int = 2) -> Load:
        """Load on all partitions of `topic` in turn, acknowledged by all replicas."""
        producer = KafkaProducer(
            bootstrap_servers=address,
            acks="all",
            linger_ms=1,
            api_version=(4, 3),
            delivery_timeout_ms=60_000,
            reconnect_backoff_max_ms=500,
        )
        self._closers.append(lambda: producer.close(timeout=2))
        turn = itertools.count()

        def send(body: bytes) -> bool:
            producer.send(topic, value=body, partition=next(turn) % partitions).get(timeout=60)
            return True

        return self.load(send)

    def check(self, path: Path, bodies: list[bytes]) -> None:
        """Check the store that an ended collector left in folder `path`."""
        front = Front(self._children, path)
        front.start()
        self.check_at(front.url, bodies)
        front.stop()

    def check_at(self, url: str, bodies: list[bytes], **more: Any) -> None:
        """Check a store that is running; `more` are settings of it, as those of a collector."""
        # Whole tables are recounted at once.
        store = ClickHouse(StoreSettings(url=url, query_memory_bytes=1_200_000_000, **more))
        try:
            check_books(store, bodies)
        finally:
            store.close()

    def close(self) -> None:
        for close in reversed(self._closers):
            close()
        self._closers.clear()
        collect_refused_sockets()
