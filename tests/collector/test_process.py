"""The collector as an object: starts without its neighbours, tells how it is, counts, stops."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hopline_collector.handover.consumer import HandOverSettings
from hopline_collector.process import Collector, CollectorSettings
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from support.clickhouse_server import Server as ClickHouseServer
from support.waiting import wait_until
from support.wire_rows import wire_message, wire_row

QUICK = HandOverSettings(block_seconds=0.0)


def ask(collector: Collector, method: str, path: str, **how: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        app = FastAPI()
        app.include_router(collector.router)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://collector") as client:
            return await client.request(method, path, **how)

    return asyncio.run(once())


def metric(collector: Collector, name: str) -> float:
    lines = ask(collector, "GET", "/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + " ")), -1.0)


@pytest.fixture
def collector(engine: ClickHouse, tmp_path: Path) -> Iterator[Collector]:
    built = Collector(engine, CollectorSettings(data=tmp_path, journal=tmp_path, hand_over=QUICK))
    built.start()
    wait_until(lambda: not built.check(), what="ready")
    yield built
    built.stop()


def test_it_is_ready_and_counts_what_it_stores(collector: Collector) -> None:
    """C8: live counters and ledger sums tell the same story, and the identity holds."""
    assert ask(collector, "GET", "/health/live").status_code == 200
    assert ask(collector, "GET", "/health/ready").json() == {"status": "up", "troubles": {}}
    bodies = [wire_message(wire_row(1), wire_row(2), wire_row(2)), wire_message(wire_row(3), wire_row(4, kind=99))]
    for body in bodies:
        headers = {"content-type": "application/msgpack"}
        assert ask(collector, "POST", "/api/v1/spans", content=body, headers=headers).status_code == 202
    # The ledger's row comes first, then the end is committed, then the live counters rise.
    wait_until(lambda: metric(collector, 'hopline_ledger_rows{account="received"}') == 5, what="the ledger")
    wait_until(lambda: metric(collector, "hopline_block_rows_sum") == 3, what="the counters")
    for account, count in {"received": 5, "stored": 3, "dead": 1, "duplicate": 1, "sampled_out": 0}.items():
        assert metric(collector, f'hopline_ledger_rows{{account="{account}"}}') == count
        assert metric(collector, f'hopline_rows_total{{account="{account}"}}') == count
    assert metric(collector, "hopline_ledger_imbalance") == 0
    assert collector.behind_us() == 0


def test_metrics_have_a_second_name(collector: Collector) -> None:
    """Q7: Zipkin's users look under /prometheus."""
    assert ask(collector, "GET", "/prometheus").headers["content-type"].startswith("text/plain")


def test_it_starts_before_its_store_and_catches_up(own_clickhouse: ClickHouseServer, tmp_path: Path) -> None:
    """C2: with ClickHouse away from the start posts are kept, health says why, and all is stored later."""
    own_clickhouse.stop()
    store = ClickHouse(StoreSettings(url=own_clickhouse.url))
    built = Collector(store, CollectorSettings(data=tmp_path, journal=tmp_path / "journal", hand_over=QUICK))
    built.start()
    answer = ask(built, "GET", "/health/ready")
    assert (answer.status_code, list(answer.json()["troubles"])) == (503, ["store"])
    headers = {"content-type": "application/msgpack"}
    body = wire_message(wire_row(1))
    assert ask(built, "POST", "/api/v1/spans", content=body, headers=headers).status_code == 202
    own_clickhouse.start()
    wait_until(lambda: ask(built, "GET", "/health/ready").status_code == 200, what="ready")
    wait_until(lambda: metric(built, 'hopline_rows_total{account="stored"}') == 1, what="stored")
    built.stop()
    store.close()


def test_a_broker_that_is_away_is_named(engine: ClickHouse, tmp_path: Path) -> None:
    """C2: not fatal beside a journal; not ready where Kafka is the only way in."""
    for required, status in ((False, 200), (True, 503)):
        settings = CollectorSettings(
            data=tmp_path,
            journal=tmp_path / str(required),
            kafka="127.0.0.1:1",
            require_kafka=required,
            hand_over=QUICK,
        )
        built = Collector(engine, settings)
        assert "kafka" in built.check()
        built._migrated.set()
        assert ask(built, "GET", "/health/ready").status_code == status
        built.stop()
