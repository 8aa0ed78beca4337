"""Pinned traces outlive retention, late rows included, and can be let go."""

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hopline_collector.block.core import Message, build_block
from hopline_collector.chores import archive, retention
from hopline_collector.chores.retention import RetentionSettings
from hopline_collector.door import retention_api
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.writer import ClickHouseWriter
from support.wire_rows import NOW, wire_message, wire_row

DAY = 86_400_000_000
TRACE = (7 << 8).to_bytes(16, "big")
"""Ends with a zero byte, as one id in 256 does."""
LATER = date(2026, 1, 31)


def store_rows(engine: ClickHouse, *numbers: int, trace_id: bytes = TRACE, now: int = NOW) -> None:
    body = wire_message(*[wire_row(number, trace_id=trace_id, start_us=now - number) for number in numbers])
    block = build_block([Message(0, "native", body)], Plan(0, 1, now))
    ClickHouseWriter(engine).write(block, f"{trace_id.hex()}/{numbers}/{now}")


def archived(engine: ClickHouse) -> list[tuple[int, ...]]:
    with engine.reader() as handle:
        return [tuple(row) for row in handle.query(f"SELECT id FROM {engine.database}.archive ORDER BY id").result_rows]


def test_a_pinned_trace_outlives_retention(any_store: ClickHouse) -> None:
    """C7: pinned once or twice, every row once; the rows that came after the pin too."""
    store_rows(any_store, 1, 2)
    store_rows(any_store, 5, trace_id=bytes(16))
    assert archive.pin(any_store, TRACE.hex()) == 2
    assert archive.pin(any_store, TRACE.hex()) == 2
    store_rows(any_store, 3, now=NOW + DAY)
    archive.refresh(any_store)
    archive.refresh(any_store)
    retention.apply(any_store, RetentionSettings(), LATER)
    assert archived(any_store) == [(1,), (2,), (3,)]
    (found,) = archive.pinned(any_store)
    assert (found.trace_id, found.rows, found.services) == (TRACE.hex(), 3, ["orders"])


def test_an_unpinned_trace_can_be_pinned_again(any_store: ClickHouse) -> None:
    """C7: letting go deletes the copy alone, and the any_store's memory of blocks does not get in the way."""
    store_rows(any_store, 1, 2)
    archive.pin(any_store, TRACE.hex())
    assert archive.unpin(any_store, TRACE.hex())
    assert archived(any_store) == []
    assert not archive.unpin(any_store, TRACE.hex())
    assert archive.pin(any_store, TRACE.hex()) == 2


@pytest.mark.parametrize("text", ["", "xyz", "0" * 31, "0" * 33, "'; DROP TABLE spans"])
def test_only_a_trace_id_reaches_a_statement(any_store: ClickHouse, text: str) -> None:
    """R4: a mutation cannot bind, so its text is checked."""
    with pytest.raises(ValueError, match="not a trace id"):
        archive.unpin(any_store, text)


def test_retention_is_shown_before_it_deletes(any_store: ClickHouse) -> None:
    """C7: the plan of the rules in force and of others; the run does what the plan said; pins by HTTP."""
    store_rows(any_store, 1, 2)
    app = FastAPI()
    app.include_router(retention_api.create_router(any_store, RetentionSettings(), clock=lambda: NOW + 8 * DAY))

    def ask(method: str, path: str, **params: int) -> Any:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://collector/api/v1") as client:
                return await client.request(method, path, params=params)

        return asyncio.run(call())

    assert ask("GET", "/retention/plan", span_days=30).json()["partitions"] == []
    planned = ask("GET", "/retention/plan").json()
    assert planned["rules"]["span_days"] == 7
    assert {partition["table"] for partition in planned["partitions"]} >= {"spans", "traces"}
    assert ask("GET", "/retention/plan", span_days=0).status_code == 422
    assert ask("POST", f"/pins/{TRACE.hex().upper()}").json() == {"trace_id": TRACE.hex(), "rows": 2}
    assert ask("POST", f"/pins/{'0' * 31}1").status_code == 404
    assert ask("POST", "/pins/nonsense").status_code == 400
    # 16 digits are an id with zeros before it: as unknown as the one of 32.
    assert ask("POST", "/pins/00000000000000AA").status_code == 404
    assert ask("POST", "/retention/run").json()["partitions"] == planned["partitions"]
    assert ask("GET", "/retention/plan").json()["partitions"] == []
    assert [trace["rows"] for trace in ask("GET", "/pins").json()["pins"]] == [2]
    assert ask("DELETE", f"/pins/{TRACE.hex()}").status_code == 200
    assert ask("DELETE", f"/pins/{TRACE.hex()}").status_code == 404
