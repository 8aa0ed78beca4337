"""Imports: old rows keep their times, by a mark that is part of each stored message."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from hopline_collector.block import limits
from hopline_collector.block.core import Block, Message, build_block
from hopline_collector.door.intake import JournalIntake
from hopline_collector.door.receivers import create_router
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.plan import Plan
from hopline_collector.metrics import Metrics
from hopline_collector.sources.journal import Journal
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError, StoreRefusedError
from hopline_collector.store.writer import ClickHouseWriter
from support.intakes import MemoryIntake
from support.oracle import differences
from support.wire_rows import NOW, PROCESS, wire_message, wire_row

DAY = limits.DAY_US
OLD = NOW - 400 * DAY
KEPT = {**PROCESS, "kept_times": "1"}
TRACE = "6921c0de0123456789abcdef01234567"
ROW = {"trace_id": TRACE, "id": "1", "kind": "local", "service": "s", "name": "n", "start_us": OLD}
ZIPKIN = {"traceId": TRACE, "id": "2", "name": "n", "timestamp": OLD, "localEndpoint": {"serviceName": "s"}}
OTLP = {"traceId": TRACE, "spanId": "00f067aa0ba902b7", "name": "n", "startTimeUnixNano": str(OLD * 1_000)}
BODIES = {
    "/api/v1/spans": [ROW],
    "/api/v2/spans": [ZIPKIN],
    "/v1/traces": {"resourceSpans": [{"scopeSpans": [{"spans": [OTLP]}]}]},
}


def built(*entries: tuple[str, bytes]) -> Block:
    return build_block([Message(n, *entry) for n, entry in enumerate(entries)], Plan(0, len(entries), NOW))


def block_of(*bodies: bytes) -> Block:
    return built(*(("native", body) for body in bodies))


@pytest.fixture
def intake() -> MemoryIntake:
    return MemoryIntake()


class Client:
    """Posts to an application without a socket; whatever it raises is raised here."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def post(self, path: str, body: Any, keep: str = "1") -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
                return await client.post(path, json=body, headers={"hopline-keep-times": keep})

        return asyncio.run(once())


@pytest.fixture
def client(intake: MemoryIntake) -> Client:
    app = FastAPI()
    app.include_router(create_router(intake, Metrics(), clock=lambda: NOW))
    return Client(app)


def test_marked_messages_keep_old_times_and_others_beside_them_do_not() -> None:
    """C5: the mark is the message's own."""
    block = block_of(wire_message(wire_row(1, start_us=OLD), process=KEPT), wire_message(wire_row(2, start_us=OLD)))
    assert block.columns["start_us"] == [OLD, NOW]
    assert block.counts.cut == {"time_moved": 1}
    assert block.columns["tags"][0] == {"http.request.method": "GET"}


@pytest.mark.parametrize("start", [-1, 0, limits.KEPT_OLDEST_US - 1, NOW + limits.NEWEST_US + 1, 2**62])
def test_what_is_no_time_of_an_import_is_moved_all_the_same(start: int) -> None:
    """C5: years before 2000 and the future are faults, not history."""
    block = block_of(wire_message(wire_row(1, start_us=start), process=KEPT))
    assert block.columns["start_us"] == [NOW]


def test_a_message_of_too_many_days_keeps_none_of_its_times() -> None:
    """C5: each day is a part in every table."""
    rows = [wire_row(n, trace_id=bytes([n]) * 16, start_us=OLD + n * DAY) for n in range(1, limits.KEPT_DAYS + 2)]
    assert set(block_of(wire_message(*rows, process=KEPT)).columns["start_us"]) == {NOW}
    kept = block_of(wire_message(*rows[1:], process=KEPT)).columns["start_us"]
    assert kept == [OLD + n * DAY for n in range(2, limits.KEPT_DAYS + 2)]


def test_a_dead_letter_keeps_the_mark() -> None:
    """C3: what is replayed keeps its time too."""
    (letter,) = block_of(wire_message(wire_row(1, kind=77, start_us=OLD), process=KEPT)).dead
    assert msgspec.msgpack.decode(letter.raw)[1]["kept_times"] == "1"


@pytest.mark.parametrize("path", BODIES)
def test_the_header_keeps_the_times_of_any_format(client: Client, intake: MemoryIntake, path: str) -> None:
    """C5: a write-scoped header, on every input."""
    for keep in "10":
        assert client.post(path, BODIES[path], keep).status_code in (200, 202)
    starts = [built(entry).columns["start_us"] for entry in intake.entries]
    assert starts == [[OLD], [NOW]]


@pytest.mark.parametrize("path", BODIES)
def test_a_header_that_says_nothing_is_refused(client: Client, intake: MemoryIntake, path: str) -> None:
    """C4: 400 with the reason."""
    answer = client.post(path, BODIES[path], "yes")
    assert answer.status_code == 400
    assert "hopline-keep-times is 0 or 1" in answer.text
    assert not intake.entries


def test_a_post_of_too_many_days_is_refused(client: Client, intake: MemoryIntake) -> None:
    """C5: said to the sender, since it can send less at once."""
    rows = [{**ROW, "id": f"{n + 1:x}", "start_us": OLD + n * DAY} for n in range(limits.KEPT_DAYS + 1)]
    answer = client.post("/api/v1/spans", rows)
    assert (answer.status_code, answer.json()["error"]) == (400, "too_many_days")
    assert not intake.entries


def test_bad_rows_and_counters_of_a_marked_post_are_kept(client: Client, intake: MemoryIntake) -> None:
    """C3, S5: the mark changes nothing else."""
    body = {
        "rows": [ROW, {**ROW, "kind": "?"}],
        "report": {"at_us": 1, "recorded": 10**30},
        "process": {"service": "s"},
    }
    answer = client.post("/api/v1/spans", body)
    assert answer.json()["accepted"] == 1
    block = built(*intake.entries)
    assert (block.rows, len(block.dead)) == (1, 1)
    assert [(report.process["service"], report.recorded) for report in block.reports] == [("s", 2**63 - 1)]


def test_an_import_of_years_is_stored_once_though_the_first_try_dies_half_way(
    engine: ClickHouse, tmp_path: Path
) -> None:
    """C1, C5: no insert touches too many partitions, and pieces that were stored are not stored again."""
    journal = Journal(tmp_path / "journal.sqlite")
    writer = DyingWriter(engine)
    ticks = itertools.count()
    over = HandOver(
        journal, writer, HandOverSettings(block_seconds=0.0), clock=lambda: NOW, monotonic=lambda: float(next(ticks))
    )
    rows = [wire_row(n + 1, trace_id=n.to_bytes(16, "big"), start_us=NOW - n * 3 * DAY) for n in range(40)]
    bodies = [wire_message(*rows[n : n + 20], process=KEPT) for n in range(0, 40, 10)]
    JournalIntake(journal).accept([("native", body) for body in bodies], None)
    for _ in range(50):
        over.step(0.0)
        if over.progress:
            break
    journal.close()
    assert writer.failures == 1
    block = block_of(*bodies)
    assert block.counts.cut == {}
    expected = [dict(zip(block.columns, row, strict=True)) for row in zip(*block.columns.values(), strict=True)]
    assert differences(engine, expected) == {}


class DyingWriter(ClickHouseWriter):
    """Refuses the second piece of a block once."""

    def __init__(self, store: ClickHouse) -> None:
        super().__init__(store)
        self.failures = self.inserted = 0
        self._store: Any = DyingStore(store, self)


class DyingStore:
    """The store of a :class:`DyingWriter`."""

    def __init__(self, store: ClickHouse, writer: DyingWriter) -> None:
        self._store, self._writer = store, writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert(self, table: str, rows: Any, token: str) -> None:
        if table == "ingest" and not self._writer.failures and self._writer.inserted == 1:
            self._writer.failures = 1
            raise StoreRefusedError("made to fail")
        self._store.insert(table, rows, token)
        self._writer.inserted += 1


def test_a_refusal_of_a_later_piece_is_no_reason_for_another_plan(engine: ClickHouse) -> None:
    """C1: the first piece is stored by then."""
    block = block_of(*(wire_message(wire_row(n + 1, start_us=NOW - n * 60 * DAY), process=KEPT) for n in range(3)))
    with pytest.raises(StoreError) as caught:
        DyingWriter(engine).write(block, "a")
    assert type(caught.value) is StoreError
