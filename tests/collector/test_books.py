"""The ledger looked through, on the embedded engine and on three shards."""

import random
from collections import Counter
from importlib import resources
from typing import Any

from hopline_collector.block.core import Block, Counts
from hopline_collector.chores import books
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.writer import ClickHouseWriter


def account(store: ClickHouse, topic: str, start: int, end: int, **more: Any) -> None:
    counts = more.pop("counts", None) or Counts(received=2, stored=1, rejected=Counter(trace_closed=1))
    entry = LedgerEntry("kafka", topic, 0, start, end, 1_700_000_000_000_000 + start, counts, **more)
    writer = ClickHouseWriter(store)
    writer.account(entry, Block({}, 0, [], [], Counts()), f"{topic}/{start}-{end}/{more.get('log')}")


def test_ranges_that_tile_have_no_flaw(engine: ClickHouse) -> None:
    """K2: two logs of one topic are two books."""
    for log in ("a", "b"):
        account(engine, "t", 0, 5, log=log)
        account(engine, "t", 5, 9, log=log)
    found = books.look(engine)
    assert found.answer()["ok"]
    assert [(log.log, log.start, log.end, log.blocks, log.received, log.accounted) for log in found.logs] == [
        ("a", 0, 9, 2, 4, 4),
        ("b", 0, 9, 2, 4, 4),
    ]


def test_every_flaw_is_told_with_its_offsets(engine: ClickHouse) -> None:
    """K2: what is lost, missing, twice or out of balance."""
    account(engine, "t", 0, 5)
    account(engine, "t", 5, 7, gap=True, why="skipped", counts=Counts())
    account(engine, "t", 9, 12)
    account(engine, "t", 11, 13)
    account(engine, "t", 13, 14, counts=Counts(received=3, stored=1))
    found = books.look(engine)
    assert [(flaw.kind, flaw.start, flaw.end) for flaw in found.flaws] == [
        ("gap", 5, 7),
        ("hole", 7, 9),
        ("overlap", 11, 12),
        ("imbalance", 13, 14),
    ]
    assert found.kinds() == dict.fromkeys(books.KINDS, 1)
    assert found.logs[0].lost == 2


def random_entries(store: ClickHouse, source: random.Random, topic: str, number: int) -> None:
    for start in range(number):
        rejected = Counter({reason: source.randrange(9) for reason in source.sample(("trace_closed", "late"), 2)})
        names = ("messages", "bytes", "received", "stored", "dead", "sampled_out", "duplicate")
        counts = Counts(**{name: source.randrange(1_000) for name in names}, rejected=rejected)
        account(store, topic, start, start + 1, counts=counts, gap=source.random() < 0.1, log=source.choice("ab"))


def test_sums_are_those_of_every_row_and_read_none_of_them(any_store: ClickHouse) -> None:
    """K5: exact for rows of before the sums were kept, for repetitions, merges and what retention drops."""
    source, table = random.Random(5), f"{any_store.settings.home}.ledger $on_cluster"
    system = (resources.files("hopline_query.store") / "sql" / "ledger.sql").read_text()
    statements = [books.SUMS.format(database=any_store.database), system.replace("$database", any_store.database)]

    def every_row(statement: str) -> list[tuple[Any, ...]]:
        with any_store.writer() as handle:
            return list(handle.query(f"{statement} SETTINGS optimize_use_projections = 0").result_rows)

    def agree() -> None:
        for statement in statements:
            assert any_store.ask(statement) == every_row(statement)

    shown = any_store.ask(f"SHOW CREATE TABLE {any_store.settings.home}.ledger")[0][0]
    kept = shown[shown.index("PROJECTION ledger_sums") :].split("\n)\nENGINE")[0]
    any_store.define(f"ALTER TABLE {table} DROP PROJECTION ledger_sums")
    random_entries(any_store, source, "before", 5)
    any_store.define(f"ALTER TABLE {table} ADD {kept}")
    for _ in range(2):
        random_entries(any_store, random.Random(6), "t", 5)
    agree()
    any_store.define(f"ALTER TABLE {table} MATERIALIZE PROJECTION ledger_sums SETTINGS mutations_sync = 2")
    any_store.define(f"OPTIMIZE TABLE {table} FINAL")
    agree()
    assert (
        books.sums(any_store)["received"]
        == any_store.ask(f"SELECT sum(received) FROM {any_store.database}.ledger")[0][0]
    )
    for statement in () if any_store.settings.cluster else statements:
        read = "\n".join(row[0] for row in any_store.ask(f"EXPLAIN {statement}"))
        assert "ReadFromMergeTree (ledger_sums)" in read
    any_store.define(f"ALTER TABLE {table} DROP PARTITION ID '202311'")
    agree()
    assert books.sums(any_store)["received"] == 0
