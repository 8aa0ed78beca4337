"""A service under load while the far side of its tracing comes and goes.

Whatever happens there: every request succeeds, none waits for it, and the counters
say exactly how many rows were lost.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

import httpx
import pytest
from collecting import Collecting, collecting
from fastapi import FastAPI

import hopline
from hopline import tracer as tracing
from hopline.middleware.asgi import TraceMiddleware
from support import wait_until
from support.kafka import create_topic
from support.leftovers import senders_end

FULL = bool(os.environ.get("HOPLINE_TEST_FULL"))
AWAY_S = 60.0 if FULL else 1.0
"""How long the far side is away; a minute at full length."""

ROWS = 4
"""Rows of one request."""

WAITS_S = 0.5
"""A request that waited for the network would take this long; none of ours does."""


class Load:
    """Requests without a pause, in a thread; each answers 200 and makes four rows."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.statuses: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._requests()))

    async def _requests(self) -> None:
        app = FastAPI()
        app.add_middleware(TraceMiddleware)

        @app.get("/orders/{number}")
        async def order(number: int) -> int:
            for _ in range(ROWS - 1):
                async with hopline.span("step", tags={"number": number}):
                    pass
            return number

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            while not self._stop.is_set():
                begun = time.perf_counter()
                answer = await client.get("/orders/7")
                self.seconds.append(time.perf_counter() - begun)
                self.statuses.add(answer.status_code)
                await asyncio.sleep(0.001)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def goes_on(self, requests: int = 100) -> None:
        """Wait for so many more requests."""
        goal = len(self.seconds) + requests
        wait_until(lambda: len(self.seconds) >= goal, deadline=60, what="the load goes on")

    def for_seconds(self, seconds: float) -> None:
        """Wait for so long, and for requests all the while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.goes_on(10)

    @property
    def rows(self) -> int:
        return len(self.seconds) * ROWS

    def check(self) -> None:
        """Every request succeeded, and 99 of 100 did not wait for anything."""
        assert self.statuses == {200}
        assert sorted(self.seconds)[len(self.seconds) * 99 // 100] < WAITS_S


@pytest.fixture
def configured() -> Iterator[object]:
    before = tracing.activate(None)
    with senders_end():
        yield lambda **settings: hopline.configure(service="shop", **{"batch_ms": 1, **settings})
        hopline.shutdown(5)
        tracing.activate(before)


@pytest.fixture
def port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def far_side(port: int, into: set[str]) -> Iterator[Collecting]:
    """A collector's stand-in, whose rows' ids are added to ``into`` when it goes."""
    with collecting(port) as server:
        yield server
    server.cut()
    into.update(row["id"] for row in server.rows if row["duration_us"] is not None)


def lost() -> int:
    return sum(hopline.counters()["dropped"].values())


def settled(load: Load) -> None:
    """Wait until every row made is sent or counted as lost."""
    wait_until(
        lambda: hopline.counters()["sent"] + lost() == load.rows and hopline.counters()["depth"] == 0,
        deadline=60,
        what=f"{load.rows} rows accounted for in {hopline.counters()}",
    )
    assert hopline.counters()["recorded"] == load.rows


def test_away_from_the_start(configured, port):
    """I10, S7: nobody there when the service starts: no request notices, and later all that was kept arrives."""
    stored: set[str] = set()
    configured(endpoint=f"http://127.0.0.1:{port}", buffer_rows=1_000_000)
    with Load() as load:
        load.for_seconds(AWAY_S)
        with far_side(port, stored):
            wait_until(lambda: hopline.counters()["sent"] > 0, deadline=60)
            load.goes_on()
            load.__exit__()
            settled(load)
    load.check()
    assert lost() == 0
    assert len(stored) == load.rows


def test_killed_in_the_middle_and_back(configured, port):
    """I10, S7: killed under load and back after a minute (shortened): nothing that fits the buffer is lost."""
    stored: set[str] = set()
    configured(endpoint=f"http://127.0.0.1:{port}", buffer_rows=1_000_000)
    with Load() as load:
        with far_side(port, stored):
            load.goes_on()
        load.for_seconds(AWAY_S)
        with far_side(port, stored):
            load.goes_on()
            load.__exit__()
            settled(load)
    load.check()
    assert lost() == 0
    assert len(stored) == load.rows
    assert hopline.counters()["events"]["send_failures"] > 0


def test_a_full_buffer_drops_the_oldest_and_counts_them(configured, port):
    """I10, S7: away for longer than the buffer lasts: what is stored and what is counted as lost is all there was."""
    stored: set[str] = set()
    configured(endpoint=f"http://127.0.0.1:{port}", buffer_rows=200)
    with Load() as load:
        load.for_seconds(AWAY_S)
        load.goes_on(300)
        with far_side(port, stored):
            wait_until(lambda: hopline.counters()["sent"] > 0, deadline=60)
            load.goes_on()
            load.__exit__()
            settled(load)
    load.check()
    dropped = hopline.counters()["dropped"]
    assert dropped.keys() == {"queue_full"}
    assert dropped["queue_full"] > 0
    assert len(stored) == load.rows - lost()


def test_a_far_side_that_answers_nonsense(configured, collector):
    """I10, S5: refusals, pressure and answers that are none: lost rows are counted by reason, the rest arrives."""
    configured(endpoint=collector.url, batch_rows=10)
    nonsense = [(503, b""), (200, b"\xff{"), (400, b"no"), (500, b"bug"), (429, b""), (202, b"[]"), (204, b"")]
    with Load() as load:
        load.goes_on(20)
        collector.answers.extend(nonsense)
        load.goes_on()
        wait_until(lambda: not collector.answers, deadline=60)
        load.goes_on()
        load.__exit__()
        settled(load)
    load.check()
    assert hopline.counters()["dropped"].keys() <= {"refused", "transport_error"}
    assert lost() > 0


@pytest.mark.parametrize(
    "place",
    [
        "hopline.transports.http.to_json",
        "hopline.transports.http.encode",
        "hopline.limits.Limits.apply_all",
        "hopline.limits.Limits.apply",
    ],
)
def test_an_encoder_that_fails(configured, collector, monkeypatch, place):
    """I10: rows that cannot be encoded are lost and counted, one warning is said, and the next ones arrive."""
    configured(endpoint=collector.url)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug of ours")

    with Load() as load:
        monkeypatch.setattr(place, broken)
        wait_until(lost, deadline=60)
        monkeypatch.undo()
        sent = hopline.counters()["sent"]
        wait_until(lambda: hopline.counters()["sent"] > sent, deadline=60)
        load.__exit__()
        settled(load)
    load.check()
    assert hopline.counters()["dropped"].keys() <= {"encode", "transport_error"}
    assert len(collector.rows) == load.rows - lost()


def test_bad_settings(configured):
    """I10: settings that cannot be used: the service runs on its defaults, each is counted."""
    configured(
        endpoint="carrier-pigeon://coop", sample="often", buffer_rows=-5, b3="triple", trusted_hosts=7, batch_ms="soon"
    )
    with Load() as load:
        load.goes_on()
    load.check()
    assert hopline.counters()["events"]["bad_settings"] >= 3


# kafka-python leaves the sockets of refused connections to the collector of garbage.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_kafka_broker_killed_under_load(configured, own_broker):
    """I10, S7: kill -9 of a real broker under load and its return after a minute (shortened): nothing is lost."""
    create_topic(own_broker, "spans")
    configured(endpoint=f"kafka://{own_broker.address}", topic="spans", buffer_rows=1_000_000)
    with Load() as load, ExitStack() as stack:
        wait_until(lambda: hopline.counters()["sent"] > 0, deadline=60)
        own_broker.kill9()
        stack.callback(own_broker.stop)
        load.for_seconds(AWAY_S)
        own_broker.start()
        sent = hopline.counters()["sent"]
        wait_until(lambda: hopline.counters()["sent"] > sent, deadline=60)
        load.__exit__()
        assert hopline.flush(60)
        settled(load)
    load.check()
    assert lost() == 0
