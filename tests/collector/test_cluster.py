"""The cluster's SQL, made by the same command as a server's, executed as far as the embedded engine goes."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from hopline_collector import pairing
from hopline_collector.consumer import HandOver, HandOverSettings
from hopline_collector.core import Message, build_block
from hopline_collector.journal import Journal
from hopline_collector.ledger import LedgerEntry
from hopline_collector.plan import Plan
from hopline_collector.store import archive, retention
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import current_version, migrate, migrations, statements
from hopline_collector.store.retention import RetentionSettings
from hopline_collector.store.snapshots import ClickHouseSnapshots
from hopline_collector.store.writer import ClickHouseWriter
from support.cluster import CLUSTER, KeeperlessStore, configured, without_keeper
from support.engine import Front
from support.oracle import differences, rows_of
from support.process import Children
from support.wire_rows import NOW, PROCESS, wire_message, wire_row

ON_CLUSTER = StoreSettings(url="http://localhost", cluster=CLUSTER)


@pytest.fixture
def cluster(children: Children, tmp_path: Path) -> Iterator[ClickHouse]:
    """A migrated cluster of one shard, over HTTP."""
    front = Front(children, configured(tmp_path))  # type: ignore[arg-type]
    front.start()
    store = KeeperlessStore(StoreSettings(url=front.url, cluster=CLUSTER))
    migrate(store)
    yield store
    store.close()


def count(store: ClickHouse, table: str) -> int:
    with store.reader() as handle:
        return int(handle.command(f"SELECT count() FROM {table}"))


def test_every_statement_is_understood_by_the_engine(engine: ClickHouse) -> None:
    """C10: the whole text, with ON CLUSTER and replicated engines, as the engine's own parser reads it."""
    with engine.reader() as handle:
        for statement in statements(ON_CLUSTER):
            assert handle.query(f"EXPLAIN AST {statement}").result_rows


def test_only_the_coordination_differs_from_a_server() -> None:
    """C10: the local tables are a single server's, but for replication, its window and the database's name."""
    single = [s for m in migrations(StoreSettings(url="http://localhost")) for s in m.statements]
    local = [
        without_keeper(s).replace("hopline_local", "hopline")
        for m in migrations(ON_CLUSTER)
        for s in m.statements
        if "ENGINE = Distributed" not in s and not (s.startswith("CREATE VIEW") and "hopline_local" not in s)
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
    assert count(cluster, "hopline.dead_letters") == 1
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
    assert (count(cluster, "hopline.ledger"), count(cluster, "hopline.dead_letters")) == (1, 1)


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
    with cluster.writer() as handle:
        handle.command("ALTER TABLE hopline_local.spans DETACH PARTITION ID '20251122'")
    assert cluster.detached_parts() > 0


def test_retention_reaches_every_shard(cluster: ClickHouse) -> None:
    """C7: the plan counts the parts of all shards, and dropping is told to all of them."""
    block = build_block([Message(0, "native", wire_message(wire_row(1)))], Plan(0, 1, NOW))
    ClickHouseWriter(cluster).write(block, "a")
    today = date(2025, 11, 22) + timedelta(days=9)
    planned = retention.plan(cluster, RetentionSettings(), today)
    assert {p.table for p in planned} >= {"spans", "traces"}
    assert retention.apply(cluster, RetentionSettings(), today) == planned
    assert (count(cluster, "hopline.spans"), count(cluster, "hopline.stats_1m")) == (0, 1)
