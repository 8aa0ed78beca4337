"""The promise of `SpanWriter`, on the twin in memory and on ClickHouse, embedded and over HTTP."""

import gc
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from hopline_collector.block.core import INGEST_COLUMNS, Block, Message, build_block
from hopline_collector.formats import Report
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import StoreAwayError, StoreError, StoreRefusedError, translated
from hopline_collector.store.memory import MemoryWriter
from hopline_collector.store.migrate import check_version, current_version, migrate, migrations
from hopline_collector.store.writer import ClickHouseWriter, SpanWriter
from support.clickhouse_server import Server as ClickHouseServer
from support.oracle import differences, rows_of
from support.wire_rows import NOW, random_row, wire_message, wire_row

Count = Callable[[str], int]
REPORT = {"at_us": 1, "recorded": 2, "sent": 1, "dropped": {"full": 1}, "depth": 0}


def counter(store: ClickHouse) -> Count:
    def count(table: str) -> int:
        with store.reader() as handle:
            return int(handle.query(f"SELECT count() FROM {store.database}.{table}").result_rows[0][0])

    return count


@pytest.fixture(params=["memory", "embedded", "http"])
def target(request: pytest.FixtureRequest) -> Iterator[tuple[SpanWriter, Count]]:
    if request.param == "memory":
        memory = MemoryWriter()
        tables = {"spans": memory.rows, "dead_letters": memory.dead, "reports": memory.reports, "ledger": memory.ledger}
        yield memory, lambda table: len(tables[table])
    elif request.param == "embedded":
        store = request.getfixturevalue("engine")
        yield ClickHouseWriter(store), counter(store)
    else:
        front: ClickHouseServer = request.getfixturevalue("clickhouse")
        store = ClickHouse(StoreSettings(url=front.url, database="writer_contract"))
        front.execute("DROP DATABASE IF EXISTS writer_contract")
        migrate(store)
        yield ClickHouseWriter(store), counter(store)
        store.close()


def block_of(*bodies: bytes) -> Block:
    return build_block([Message(n, "native", body) for n, body in enumerate(bodies)], Plan(0, len(bodies), NOW))


def entry(block: Block, start: int = 0, end: int = 1) -> LedgerEntry:
    return LedgerEntry("kafka", "t", 3, start, end, NOW, block.counts)


def test_a_token_stores_its_block_once(target: tuple[SpanWriter, Count]) -> None:
    """C1: the same token again adds nothing, another token does."""
    writer, count = target
    block = block_of(wire_message(wire_row(1), wire_row(2)))
    for token in ("a", "a", "b", "a"):
        writer.write(block, token)
    assert count("spans") == 4


def test_accounts_are_stored_once_per_token(target: tuple[SpanWriter, Count]) -> None:
    """C8: dead letters, reports and the ledger row follow the block's token."""
    writer, count = target
    block = block_of(wire_message(wire_row(1), report=REPORT), b"\xc1\x00\xff")
    for _ in range(2):
        writer.account(entry(block), block, "a")
    assert [count(table) for table in ("dead_letters", "reports", "ledger")] == [1, 1, 1]


def test_an_empty_block_has_a_ledger_row(target: tuple[SpanWriter, Count]) -> None:
    """C8: a range without rows is accounted for too."""
    writer, count = target
    block = block_of()
    writer.write(block, "a")
    writer.account(entry(block), block, "a")
    assert (count("spans"), count("ledger")) == (0, 1)


def test_the_ledger_tells_where_it_ends(target: tuple[SpanWriter, Count]) -> None:
    """C1: a collector begins where the ledger ends."""
    writer, _ = target
    assert writer.ledger_end("kafka", "t", 3) == 0
    block = block_of()
    writer.account(entry(block, 0, 5), block, "a")
    writer.account(entry(block, 5, 9), block, "b")
    assert writer.ledger_end("kafka", "t", 3) == 9
    assert writer.ledger_end("kafka", "t", 4) == 0


def test_every_table_equals_a_recount(engine: ClickHouse) -> None:
    """D5, C1: random rows with duplicates and replays, every table against plain Python."""
    source = random.Random(11)
    writer = ClickHouseWriter(engine)
    bodies = [wire_message(*[random_row(source) for _ in range(400)]) for _ in range(3)]
    for _ in range(2):
        for number, body in enumerate(bodies):
            writer.write(build_block([Message(number, "native", body)], Plan(number, number + 1, NOW)), f"t{number}")
    assert differences(engine, rows_of(bodies, NOW)) == {}


def test_what_cannot_be_encoded_is_refused_before_anything_is_written(engine: ClickHouse) -> None:
    """C1: a refusal that comes first may be followed by another token."""
    writer = ClickHouseWriter(engine)
    block = block_of(wire_message(wire_row(1)))
    block.columns["tags"] = [{"k": 5}]
    with pytest.raises(StoreRefusedError):
        writer.write(block, "a")
    assert counter(engine)("spans") == 0


def test_a_block_of_more_days_than_an_insert_may_touch_is_stored_whole_and_once(engine: ClickHouse) -> None:
    """C1, C5: the engine takes a hundred partitions at a time; each piece has a token of its own."""
    writer = ClickHouseWriter(engine)
    block = block_of(wire_message(*[wire_row(i) for i in range(1, 122)]))
    block.columns["start_us"] = [NOW - day * 86_400_000_000 for day in range(121)]
    for _ in range(2):
        writer.write(block, "a")
    assert counter(engine)("spans") == 121


def test_what_the_engine_says_is_no_refusal(engine: ClickHouse) -> None:
    """C1: tables are written side by side, so another token might store again what some of them have."""
    block = block_of(wire_message(*[wire_row(i) for i in range(1, 202)]))
    block.columns["start_us"] = [NOW - day * 86_400_000_000 for day in range(201)]
    with pytest.raises(StoreError, match="partitions for single INSERT block") as caught:
        engine.insert("ingest", {name: block.columns[name] for name in INGEST_COLUMNS}, "a")
    assert type(caught.value) is StoreError


def test_a_store_that_went_away_is_told_apart(own_clickhouse: ClickHouseServer) -> None:
    """C2: nothing is refused because a server is down, and the same call works when it is back."""
    store = ClickHouse(StoreSettings(url=own_clickhouse.url))
    migrate(store)
    writer = ClickHouseWriter(store)
    block = block_of(wire_message(wire_row(1)))
    writer.write(block, "a")
    own_clickhouse.kill9()
    for _ in range(2):
        with pytest.raises(StoreAwayError):
            writer.write(block, "b")
    own_clickhouse.start()
    writer.write(block, "b")
    assert counter(store)("spans") == 2
    store.close()


def test_a_disk_that_ends_inside_a_write_is_no_fault_of_the_block() -> None:
    """C2: not every lack of space is noticed before writing; with it a partition waits, and never stops for good."""
    text = "Code: 75. DB::ErrnoException: Cannot write to file: errno: 28, strerror: No space left on device"
    assert type(translated(DatabaseError(text))) is StoreAwayError
    assert type(translated(DatabaseError("Code: 49. DB::Exception: Logical error"))) is StoreError


def test_a_refusal_after_the_rows_is_no_reason_for_another_plan(engine: ClickHouse) -> None:
    """C1: only before anything was written may a block be cut differently."""
    block = block_of(wire_message(wire_row(1)))
    block.reports.append(Report({}, -1, 0, 0, {}, 0))
    writer = ClickHouseWriter(engine)
    writer.write(block, "a")
    with pytest.raises(StoreError) as caught:
        writer.account(entry(block), block, "a")
    assert type(caught.value) is StoreError


def test_migrations_apply_once(engine: ClickHouse) -> None:
    """C10: the command is idempotent and keeps its version."""
    assert migrate(engine) == []
    assert current_version(engine) == max(m.version for m in migrations(engine.settings))


def test_a_version_that_was_left_out_is_noticed(engine: ClickHouse) -> None:
    """K5: a start that only checks tells of every version that is not there, not of the highest alone."""
    check_version(engine)
    engine.define(f"ALTER TABLE {engine.database}.schema_version DELETE WHERE version = 2 SETTINGS mutations_sync = 1")
    with pytest.raises(StoreError, match="lacks 2 of"):
        check_version(engine)


def test_the_cluster_gets_replicated_tables_and_one_name_for_all_shards() -> None:
    """C10: the same files serve a cluster."""
    settings = StoreSettings(url="http://x", cluster="main")
    statements = [s for m in migrations(settings) for s in m.statements]
    tables = [s for s in statements if s.startswith("CREATE TABLE") and "_local." in s.split("(")[0]]
    assert all("ON CLUSTER main" in s for s in statements)
    assert any("ReplicatedAggregatingMergeTree" in s for s in tables)
    assert any("hopline.ingest ON CLUSTER main AS hopline_local.ingest" in s for s in statements)
    assert any(s.startswith("CREATE VIEW IF NOT EXISTS hopline.call_pairs") and "_local" not in s for s in statements)
    assert not any("non_replicated_deduplication_window" in s for s in statements)


@pytest.mark.parametrize("name", ["a b", "x;DROP", "1a", ""])
def test_names_that_are_no_identifiers_never_reach_sql(name: str) -> None:
    """R4: the database's name is a parameter of the SQL text."""
    settings: dict[str, Any] = {"database": name} if name else {"database": "ok", "cluster": "-"}
    with pytest.raises(ValueError, match="identifier"):
        migrations(StoreSettings(path="/x", **settings))


def test_a_block_leaves_memory_with_its_insert(engine: ClickHouse) -> None:
    """C2: nothing of the client library holds on to it until Python looks for cycles."""
    block, writer = block_of(wire_message(wire_row(1))), ClickHouseWriter(engine)
    gc.collect()
    gc.disable()
    try:
        writer.write(block, "t1")
        left = [found for found in gc.get_objects() if found is not block.columns and _holds(found, block)]
    finally:
        gc.enable()
    assert left == []


def _holds(found: object, block: Block) -> bool:
    """Whether a container, or an object by its attributes, refers to a column of the block."""
    values = found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else ()
    return any(value is block.columns["trace_id"] for value in values)
