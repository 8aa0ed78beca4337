"""A store that any earlier schema made and filled is brought up to date, and answers as one that is new throughout."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import pytest

from hopline_collector.store import migrate as migrating
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import SchemaNewerError
from hopline_collector.store.migrate import current_version, migrate, migrations
from hopline_query.service import QueryService
from hopline_query.store import settling
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.clickhouse_server import Server
from support.filled import fill
from support.waiting import wait_until

BEGIN: Final = 1_795_000_020_000_000
MIDDLE: Final = BEGIN + 300_000_000
END: Final = BEGIN + 600_000_000
NOW: Final = END + 60_000_000
TRACES: Final = 300
BLOCK: Final = 20
"""Traces of a block that comes while the schema changes."""
STEP_US: Final = 1_000_000

FIRST: Final = 9
"""The schemas before this number were never one that a process ran with."""

VERSIONS: Final = [m.version for m in migrations(StoreSettings()) if m.version >= FIRST]

CALLS: Final = 30
"""From this schema on entry calls are written as traces settle. Of the traces here none is settled from its tree."""

CAUSES: Final = 42
"""From this schema on causes are."""

VOLATILE: Final = frozenset({"took_ms", "freshness", "now_us", "as_of_us", "next_cursor", "arrived_us", "version"})

SINCE: Final = {"status_4xx": 20, "apdex": 20}
"""Figures that only schemas from this number on keep: what an older one counted goes without them."""

WRITTEN_SINCE: Final = {
    "tags": ("settled", "Array(String)", 27),
    "tagged": ("settled", "UInt8", 27),
    "calls": ("settled", "Array(String)", 43),
    "called": ("settled", "UInt8", 43),
    "told": ("settled_calls", "UInt8", 36),
    "parts": ("settled_calls", "Array(String)", 36),
    "parts_us": ("settled_calls", "Array(UInt64)", 36),
}
"""Columns that settling writes, their tables and types, and the schema that brought them."""


def half(store: ClickHouse, from_us: int) -> None:
    fill(store, traces=TRACES, from_us=from_us, to_us=from_us + 300_000_000, block=500)


def older(folder: Path, database: str, version: int, monkeypatch: pytest.MonkeyPatch) -> ClickHouse:
    """A store as a release whose newest schema is `version` leaves it, with rows."""
    store = ClickHouse(StoreSettings(path=str(folder), database=database))
    whole = migrating.migrations
    with monkeypatch.context() as patched:
        patched.setattr(migrating, "migrations", lambda settings: [m for m in whole(settings) if m.version <= version])
        migrate(store)
        half(store, BEGIN)
        if version < CALLS:
            patched.setattr(settling, "_settle_calls", lambda *_: None)
        if version < CAUSES:
            patched.setattr(settling, "_settle_causes", lambda *_: None)
        if version >= 10:
            settle_with(store, version)
    return store


def settle_with(store: ClickHouse, version: int) -> None:
    """Settle as a release did that knew nothing of later columns: they are there meanwhile, and gone after."""
    lacking = {"settled_calls"} if version < CALLS else set()
    later = {
        name: (table, kind)
        for name, (table, kind, since) in WRITTEN_SINCE.items()
        if since > version and table not in lacking
    }
    for name, (table, kind) in later.items():
        store.define(f"ALTER TABLE {store.database}.{table} ADD COLUMN {name} {kind}")
    settle(store, MIDDLE + 60_000_000)
    for name, (table, _) in later.items():
        store.define(f"ALTER TABLE {store.database}.{table} DROP COLUMN {name}")


def answers(store: ClickHouse) -> dict[str, Any]:
    """What a user sees of the rows, of all kinds of tables."""
    service = QueryService(ClickHouseReader(store), clock=lambda: NOW)
    window = {"from": str(BEGIN), "to": str(END)}
    first = service.search({**window, "limit": "3", "order_by": "longest"})
    differs = service.differs({**window, "service": "svc-1", "min_span_duration": "40ms"})
    traces = [service.trace(found["trace_id"]) for found in first["traces"]]
    return {
        "longest": first,
        "traces": traces,
        "failing": service.search({**window, "errors": "true", "limit": "50", "order_by": "oldest"}),
        "tag": service.search({**window, "filter": "shop.tenant=17", "limit": "50", "order_by": "oldest"}),
        "edge": service.search({**window, "caller": "svc-0", "callee": "svc-1", "limit": "50", "order_by": "oldest"}),
        "user": service.user(traces[0]["uids"][0] if traces[0].get("uids") else "u-1", window),
        "services": service.services(window),
        "operations": service.operations({**window, "service": "svc-1"}),
        "instances": service.instances({**window, "service": "svc-1"}),
        "keys": service.tag_keys(window),
        "stats": service.stats(window),
        "by operation": service.stats({**window, "group": "operation", "limit": "1000"}),
        "series": service.series({**window, "step": "1m", "service": "svc-1"}),
        "errors": service.errors(window),
        "differs": [differs[name] for name in ("selected", "base", "truncated")],
        "causes": service.causes(window),
        "path": service.critical_path({**window, "service": "svc-1", "operation": "GET /op-1"}),
        "map": service.dependencies(window),
    }


def plain(value: Any, version: int) -> Any:
    """Without what depends on the moment, and figures that `version` did not keep."""
    if isinstance(value, dict):
        left_out = VOLATILE | {name for name, since in SINCE.items() if version < since}
        return {name: plain(one, version) for name, one in value.items() if name not in left_out}
    return [plain(one, version) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def expected(engine_folder: Path) -> Iterator[dict[str, Any]]:
    """The answers of a store that had the newest schema from the start."""
    store = ClickHouse(StoreSettings(path=str(engine_folder), database="upgrade_new"))
    migrate(store)
    half(store, BEGIN)
    half(store, MIDDLE)
    settle(store, NOW)
    yield answers(store)
    store.define("DROP DATABASE upgrade_new SYNC")
    store.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_store_answers_as_a_new_one(
    engine_folder: Path, expected: dict[str, Any], version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A7: rows written by each earlier schema, and rows that come after the upgrade, are in every answer, once."""
    store = older(engine_folder, f"upgrade_{version}", version, monkeypatch)
    try:
        assert current_version(store) == version
        applied = [m.version for m in migrate(store)]
        assert applied == [v for v in VERSIONS if v > version]
        assert migrate(store) == []
        half(store, MIDDLE)
        settle(store, NOW)
        found = answers(store)
        for name, answer in expected.items():
            assert plain(found[name], version) == plain(answer, version), name
    finally:
        store.define(f"DROP DATABASE upgrade_{version} SYNC")
        store.close()


def test_a_server_is_brought_up_to_date_while_an_older_release_writes(
    clickhouse: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A7: blocks that come before, during and after are in every answer, once."""
    settings = StoreSettings(url=clickhouse.url, database="upgrade_busy")
    whole = migrating.migrations
    try:
        with closing(ClickHouse(settings)) as store:
            with monkeypatch.context() as patched:
                patched.setattr(migrating, "migrations", lambda found: [m for m in whole(found) if m.version <= CALLS])
                migrate(store)
            with writing(settings) as blocks:
                wait_until(lambda: len(blocks) > 2, what="blocks before")
                assert [m.version for m in migrate(store)] == [v for v in VERSIONS if v > CALLS]
                migrated = len(blocks)
                wait_until(lambda: len(blocks) > migrated + 2, what="blocks after")
            settle(store, NOW)
            found = answers(store)
            store.define("DROP DATABASE upgrade_busy SYNC")
            migrate(store)
            for begin in blocks:
                fill(store, traces=BLOCK, from_us=begin, to_us=begin + STEP_US)
            settle(store, NOW)
            for name, answer in answers(store).items():
                assert plain(found[name], CALLS) == plain(answer, CALLS), name
    finally:
        with closing(ClickHouse(settings)) as store:
            store.define("DROP DATABASE IF EXISTS upgrade_busy SYNC")


@contextmanager
def writing(settings: StoreSettings) -> Iterator[list[int]]:
    """A process that stores a block after the other, each of its own moment; answers where they begin."""
    blocks: list[int] = []
    ended = Event()

    def write() -> None:
        with closing(ClickHouse(settings)) as store:
            for begin in range(BEGIN, END, STEP_US):
                if ended.is_set():
                    return
                fill(store, traces=BLOCK, from_us=begin, to_us=begin + STEP_US)
                blocks.append(begin)

    thread = Thread(target=write)
    thread.start()
    try:
        yield blocks
    finally:
        ended.set()
        thread.join()


def test_an_older_release_refuses_what_a_newer_one_made(engine_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A7: going back over a newer schema ends with both numbers, and nothing was touched."""
    store = ClickHouse(StoreSettings(path=str(engine_folder), database="upgrade_back"))
    try:
        migrate(store)
        tables = "SELECT name, create_table_query FROM system.tables WHERE database = 'upgrade_back' ORDER BY name"
        before = store.ask(tables)
        whole = migrating.migrations
        monkeypatch.setattr(migrating, "migrations", lambda settings: whole(settings)[:-2])
        with pytest.raises(SchemaNewerError, match=str(VERSIONS[-1])):
            migrate(store)
        assert store.ask(tables) == before
    finally:
        store.define("DROP DATABASE upgrade_back SYNC")
        store.close()
