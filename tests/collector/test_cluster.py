"""Three shards of plain tables for real; what needs a coordination service (replicas, ON CLUSTER) as text."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from hopline_collector.block.core import Message, build_block
from hopline_collector.chores import archive, pairing, retention
from hopline_collector.chores.retention import RetentionSettings
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import Plan
from hopline_collector.sources.journal import Journal
from hopline_collector.store import checks, table_settings
from hopline_collector.store.checks import Replica
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import SchemaNewerError, StoreAwayError, StoreError
from hopline_collector.store.migrate import current_version, migrate, migrations, statements
from hopline_collector.store.snapshots import ClickHouseSnapshots
from hopline_collector.store.writer import ClickHouseWriter
from support.clickhouse_server import CLUSTER, Server, Shards
from support.oracle import differences, rows_of
from support.ports import lasting_ports
from support.stores import store_of
from support.wire_rows import NOW, PROCESS, wire_message, wire_row

ON_CLUSTER = StoreSettings(url="http://localhost", cluster=CLUSTER)


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[ClickHouse]:
    """A migrated database on three shards."""
    with store_of("shards", request) as store:
        yield store


def count(store: ClickHouse, table: str) -> int:
    with store.reader() as handle:
        return int(handle.command(f"SELECT count() FROM {table}"))


def without_keeper(statement: str) -> str:
    """A statement of a replicated cluster as one server would get it."""
    plain = statement.replace(f" ON CLUSTER {CLUSTER}", "").replace("ENGINE = Replicated", "ENGINE = ")
    plain = re.sub(r"replicated_deduplication_window_seconds = \d+, ", "", plain)
    return plain.replace("replicated_deduplication_window", "non_replicated_deduplication_window")


def test_every_statement_is_understood_by_the_engine(engine: ClickHouse) -> None:
    """C10: the whole text, with ON CLUSTER and replicated engines, as the engine's own parser reads it."""
    with engine.reader() as handle:
        for statement in statements(ON_CLUSTER):
            assert handle.query(f"EXPLAIN AST {statement}").result_rows


def test_only_the_coordination_differs_from_a_server() -> None:
    """C10: the local tables are a single server's, but for replication, its window and the database's name.

    Fills from rows that are there already are left out: no one server of a replicated cluster could do them for all.
    """
    single = [
        s for m in migrations(StoreSettings(url="http://localhost")) for s in m.statements if not s.startswith("INSERT")
    ]
    local = [
        without_keeper(s).replace("hopline_local", "hopline")
        for m in migrations(ON_CLUSTER)
        for s in m.statements
        if "ENGINE = Distributed" not in s
        and not (s.startswith(("CREATE VIEW", "CREATE OR REPLACE VIEW", "ALTER TABLE")) and "hopline_local" not in s)
    ]
    assert [" ".join(s.split()) for s in local] == [" ".join(s.split()) for s in single]


def test_a_repetition_meets_its_first_try() -> None:
    """C1: a token is known to one shard, so what is inserted again must go there again: never by chance."""
    inserted = ("ingest", "ledger", "dead_letters", "reports", "limits", "closed_traces", "paired_edges")
    keys = dict(
        re.findall(r"Distributed\(main, hopline_local, (\w+), (.*)\)$", "\n".join(statements(ON_CLUSTER)), re.MULTILINE)
    )
    for table in (*inserted, "paired_buckets", "replays", "archive"):
        assert keys[table] != "rand()", table


def test_a_hand_over_on_a_cluster_is_exact(cluster: ClickHouse, tmp_path: Path) -> None:
    """C1, C10: every table equals the oracle through the Distributed ones; the ledger balances; a schema is kept."""
    assert migrate(cluster) == []
    assert current_version(cluster) == max(m.version for m in migrations(ON_CLUSTER))
    bodies = [wire_message(*[wire_row(9 * n + m + 1) for m in range(9)]) for n in range(7)] + [b"\xc1"]
    journal = Journal(tmp_path / "journal.sqlite")
    journal.append([("native", body) for body in bodies])
    over = HandOver(journal, ClickHouseWriter(cluster), HandOverSettings(block_seconds=0.0), clock=lambda: NOW)
    for _ in range(3):
        over.step(0.0)
    journal.close()
    assert differences(cluster, rows_of(bodies, NOW)) == {}
    assert count(cluster, f"{cluster.database}.dead_letters") == 1
    assert ClickHouseWriter(cluster).ledger_end("journal", journal.key.topic, 0) == len(bodies) + 1


def test_the_same_token_stores_nothing_twice(cluster: ClickHouse) -> None:
    """C1: over Distributed tables too, in every table and in the ledger."""
    body = wire_message(*[wire_row(n + 1) for n in range(50)])
    plan = Plan(0, 1, NOW)
    block = build_block([Message(0, "native", body), Message(1, "native", b"\xc1")], plan)
    entry = LedgerEntry("kafka", "t", 3, 0, 2, NOW, block.counts)
    for _ in range(3):
        writer = ClickHouseWriter(cluster)
        writer.write(block, "a")
        writer.account(entry, block, "a")
    assert differences(cluster, rows_of([body], NOW)) == {}
    assert (count(cluster, f"{cluster.database}.ledger"), count(cluster, f"{cluster.database}.dead_letters")) == (1, 1)


def test_rules_calls_and_pins_work_on_a_cluster(cluster: ClickHouse) -> None:
    """C5, C7: what is stored beside the rows finds its table, and the first of two snapshots wins."""
    snapshots = ClickHouseSnapshots(cluster)
    assert snapshots.offer(1, "first", NOW) == snapshots.offer(1, "second", NOW + 1) == "first"
    row = wire_row(1, kind=1, peer="shop", peer_kind="service")
    block = build_block([Message(0, "native", wire_message(row, process=PROCESS))], Plan(0, 1, NOW))
    ClickHouseWriter(cluster).write(block, "a")
    pairing.settle(cluster, NOW + 3_600_000_000)
    trace_id = (1).to_bytes(16, "big").hex()
    assert archive.pin(cluster, trace_id) == 1
    assert archive.unpin(cluster, trace_id)


def test_broken_parts_of_every_server_are_counted(cluster: ClickHouse) -> None:
    """R1: whichever server is asked."""
    block = build_block([Message(0, "native", wire_message(wire_row(1)))], Plan(0, 1, NOW))
    ClickHouseWriter(cluster).write(block, "a")
    assert cluster.detached_parts() == 0
    cluster.define(f"ALTER TABLE {cluster.settings.home}.spans DETACH PARTITION ID '20251122'")
    assert cluster.detached_parts() > 0


def test_retention_reaches_every_shard(cluster: ClickHouse) -> None:
    """C7: the plan counts the parts of all shards, and dropping is told to all of them."""
    block = build_block([Message(0, "native", wire_message(wire_row(1)))], Plan(0, 1, NOW))
    ClickHouseWriter(cluster).write(block, "a")
    today = date(2025, 11, 22) + timedelta(days=9)
    planned = retention.plan(cluster, RetentionSettings(), today)
    assert {p.table for p in planned} >= {"spans", "traces"}
    assert retention.apply(cluster, RetentionSettings(), today) == planned
    assert (count(cluster, f"{cluster.database}.spans"), count(cluster, f"{cluster.database}.stats_1m")) == (0, 1)


def test_every_shard_holds_a_part_and_every_trace_is_on_one(cluster: ClickHouse) -> None:
    """K1: rows are spread by trace, and each kind of row of a trace lies where the others are."""
    rows = [wire_row(n + 1, trace_id=(n // 2 + 1).to_bytes(16, "big")) for n in range(200)]
    block = build_block([Message(0, "native", wire_message(*rows))], Plan(0, 1, NOW))
    ClickHouseWriter(cluster).write(block, "a")
    places: list[set[bytes]] = []
    for url in cluster.settings.urls:
        with cluster.on_server(url) as handle:
            found = handle.query(f"SELECT trace_id FROM {cluster.settings.home}.spans").result_rows
        places.append({trace_id for (trace_id,) in found})
    assert all(len(place) > 10 for place in places)
    assert sum(map(len, places)) == 100


def test_a_block_survives_a_shard_that_dies_and_another_server(own_shards: Shards) -> None:
    """C1, K1: a shard that is away keeps a block waiting; the same token then stores it once, by any server."""
    store = ClickHouse(StoreSettings(url=own_shards.url, cluster=CLUSTER, replicated=False))
    migrate(store)
    body = wire_message(*[wire_row(n + 1, trace_id=(n + 1).to_bytes(16, "big")) for n in range(90)])
    block = build_block([Message(0, "native", body)], Plan(0, 1, NOW))
    own_shards.servers[2].kill9()
    for _ in range(2):
        with pytest.raises(StoreAwayError):
            ClickHouseWriter(store).write(block, "a")
    own_shards.servers[2].start()
    own_shards.servers[0].kill9()
    own_shards.servers[0].launch()
    own_shards.servers[0].wait()
    ClickHouseWriter(store).write(block, "a")
    assert differences(store, rows_of([body], NOW)) == {}
    store.close()


def test_a_server_that_is_away_is_followed_by_the_next(clickhouse: Server) -> None:
    """K1: reading and writing go on by another address; the first error names none of the passwords."""
    (away,) = lasting_ports(1)
    store = ClickHouse(StoreSettings(url=f"http://me:secret@127.0.0.1:{away},{clickhouse.url}", cluster="main"))
    assert store.ask("SELECT 1") == [(1,)]
    with store.writer() as handle:
        assert handle.command("SELECT 2") == 2
    store.close()
    lost = ClickHouse(StoreSettings(url=f"http://me:secret@127.0.0.1:{away}"))
    with pytest.raises(StoreAwayError) as told:
        lost.ask("SELECT 1")
    assert "secret" not in str(told.value)


def test_a_start_says_what_is_wrong_with_the_cluster(cluster: ClickHouse) -> None:
    """K1: unknown cluster, a shard without an address, the same server twice; nothing is touched."""
    first, second, third = cluster.settings.urls

    def told(**changes: Any) -> str:
        store = ClickHouse(replace(cluster.settings, **changes))
        with pytest.raises(StoreError) as caught:
            checks.check(store)
        store.close()
        return str(caught.value)

    checks.check(cluster)
    assert "knows no cluster nowhere" in told(cluster="nowhere")
    assert "has 3 shards, clickhouse names 2 servers" in told(url=f"{first},{second}")
    assert "are the same shard" in told(url=f"{first},{first},{third}")
    assert "more than a shard has replicas" in told(replicated=True, insert_quorum=2)


def test_the_shape_of_a_cluster_is_judged() -> None:
    """K1: without internal_replication rows are stored anew by every replica; plain shards have no replicas."""
    plain = StoreSettings(url="http://a,http://b", cluster="main", replicated=False)
    two = [Replica(1, "a", 9000, True, True), Replica(2, "b", 9000, True, False)]
    assert checks.shape_troubles(plain, two) == []
    (twice,) = checks.shape_troubles(replace(plain, replicated=True), [replace(two[0], internal_replication=False)])
    assert "internal_replication" in twice
    (copies,) = checks.shape_troubles(plain, [*two, Replica(2, "c", 9000, True, False)])
    assert "has replicas" in copies


def test_a_later_schema_is_refused_with_its_number(any_store: ClickHouse) -> None:
    """K5: an older release touches nothing of a newer one's tables."""
    for url in any_store.settings.urls[-1:] or [""]:
        with any_store.on_server(url) if url else any_store.writer() as handle:
            handle.insert(f"{any_store.database}.schema_version", [[9999, "later", 1]], column_names="*")
    with pytest.raises(SchemaNewerError, match="9999"):
        migrate(any_store)


def test_settings_of_tables_hold_from_the_next_start(any_store: ClickHouse) -> None:
    """K5: fsync and the space to leave free reach tables that are there already."""
    changed = ClickHouse(replace(any_store.settings, fsync=True, free_disk_bytes=7_000_000))
    migrate(changed)
    text = f"SELECT engine_full FROM system.tables WHERE database = '{changed.settings.home}' AND name = 'spans'"
    (engine,) = changed.ask(text)[0]
    assert "fsync_after_insert = 1" in engine.replace("true", "1")
    assert "min_free_disk_bytes_to_perform_insert = 7000000" in engine
    with changed.reader() as handle:
        assert table_settings.differing(handle, changed.settings) == {}
    changed.close()
