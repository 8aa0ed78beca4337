"""Views that later migrations change: the same in the end wherever one begins, and blocks keep their names."""

import re

import pytest

from hopline_collector.block.core import Message, build_block
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import Plan
from hopline_collector.store import migrate as migrating
from hopline_collector.store import view_changes
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate, migrations, statements
from hopline_collector.store.writer import ClickHouseWriter
from support.clickhouse_server import Server as ClickHouseServer
from support.oracle import differences, rows_of
from support.wire_rows import NOW, wire_message, wire_row

SETTINGS = StoreSettings(path="anywhere")
CHANGING = [m.version for m in migrations(SETTINGS) if any("MODIFY QUERY" in s for s in m.statements)]


def views(store: ClickHouse) -> dict[str, str]:
    """Query of each materialised view, without the name of the database."""
    found = store.ask(
        "SELECT name, as_select FROM system.tables WHERE database = {d:String} AND engine = 'MaterializedView'",
        {"d": store.database},
    )
    return {name: query.replace(f"{store.database}.", "") for name, query in found}


def test_an_empty_store_gets_each_view_once() -> None:
    """C10: made where it is changed last; nothing is changed afterwards."""
    found = statements(SETTINGS)
    made = re.findall(r"CREATE MATERIALIZED VIEW IF NOT EXISTS (\S+)", "\n".join(found))
    assert len(made) == len(set(made))
    assert CHANGING
    assert not [s for s in found if "MODIFY QUERY" in s]


@pytest.mark.parametrize("version", [1, 2, *(v - 1 for v in CHANGING), *CHANGING])
def test_an_older_store_gets_the_same_views(engine: ClickHouse, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """C10: whichever version it had, with its views or, where it died on the way to a later one, without."""
    older = ClickHouse(StoreSettings(path=engine.settings.path, database=f"{engine.database}_older"))
    known = migrations(older.settings)
    try:
        monkeypatch.setattr(migrating, "migrations", lambda _: [m for m in known if m.version <= version])
        migrate(older)
        if version == 2:
            older.define(f"DROP VIEW {older.database}.stats_10s_view")
        monkeypatch.setattr(migrating, "migrations", lambda _: known)
        assert [m.version for m in migrate(older)] == [m.version for m in known if m.version > version]
        assert views(older) == views(engine)
    finally:
        older.define(f"DROP DATABASE {older.database} SYNC")
        older.close()


def test_a_changed_view_is_loaded_anew() -> None:
    """C1: of other statements nothing follows."""
    changed = "ALTER TABLE hopline.a_view  MODIFY QUERY SELECT 1"
    assert view_changes.loaded_anew(changed) == ["DETACH TABLE hopline.a_view", "ATTACH TABLE hopline.a_view"]
    assert view_changes.loaded_anew("ALTER TABLE hopline.a ADD COLUMN b UInt8") == []


def test_a_block_keeps_its_name_over_the_first_restart(own_clickhouse: ClickHouseServer) -> None:
    """C1: tried while the server runs that made the tables, and again after its restart: each table has it once."""
    body = wire_message(*[wire_row(number + 1, kind=1 + number % 2, peer="shop") for number in range(50)])
    block = build_block([Message(0, "native", body), Message(1, "native", b"\xc1")], Plan(0, 2, NOW))
    entry = LedgerEntry("kafka", "t", 0, 0, 2, NOW, block.counts)
    for _ in range(2):
        store = ClickHouse(StoreSettings(url=own_clickhouse.url))
        migrate(store)
        writer = ClickHouseWriter(store)
        writer.write(block, "a")
        writer.account(entry, block, "a")
        assert differences(store, rows_of([body], NOW)) == {}
        for table in ("ledger", "dead_letters"):
            assert store.ask(f"SELECT count() FROM {store.database}.{table}") == [(1,)]
        store.close()
        own_clickhouse.stop()
        own_clickhouse.start()
