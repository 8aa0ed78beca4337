"""Rows for tests: `row` makes one side of a call, `calls` the article's trace."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hopline.model import Row
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate

TRACE = "6921c0de0123456789abcdef01234567"
START = 1_763_800_000_000_000

MakeRow = Callable[..., Row]


def make_row(span_id: str, id_: str = "", parent: str | None = None, kind: str = "local", **more) -> Row:
    """A row with short ids; at, dur are milliseconds after the trace's start."""
    at, dur = more.pop("at", 0), more.pop("dur", 10)
    fields = {
        "trace_id": TRACE,
        "service": "a",
        "name": f"op {span_id}",
        "start_us": START + int(at * 1000),
        "duration_us": None if dur is None else int(dur * 1000),
        "span_id": span_id,
        "id": id_.rjust(16, "0") if id_ else "",
        "parent_id": parent.rjust(16, "0") if parent else None,
        "kind": kind,
        "instance": f"{more.get('service', 'a')}-host:1",
    }
    return Row(**(fields | more))


@pytest.fixture(scope="session")
def row() -> MakeRow:
    return make_row


@pytest.fixture
def article() -> list[Row]:
    """A (0) calls B (0.1) and E (0.2); B calls C (0.1.1); both sides of every call."""
    return [
        make_row("0", "a", None, "server", service="A", dur=100, children=2),
        make_row("0.1", "b1", "a", "client", service="A", at=10, dur=40, peer="B", peer_kind="service"),
        make_row("0.1", "b2", "b1", "server", service="B", at=12, dur=34, children=1, caller_service="A"),
        make_row("0.1.1", "c1", "b2", "client", service="B", at=20, dur=20, peer="C", peer_kind="service"),
        make_row("0.1.1", "c2", "c1", "server", service="C", at=22, dur=15, caller_service="B"),
        make_row("0.2", "e1", "a", "client", service="A", at=60, dur=20, peer="E", peer_kind="service"),
        make_row("0.2", "e2", "e1", "server", service="E", at=63, dur=12, caller_service="A"),
    ]


COLUMNS = (
    *("trace_id", "span_id", "id", "parent_id", "kind", "service", "name", "instance", "host", "zone", "env"),
    *("version", "start_us", "duration_us", "unfinished", "error", "error_type", "error_text", "caller_service"),
    *("caller_instance", "caller_zone", "caller_name", "peer", "peer_kind", "uid", "annotations", "tags", "attrs"),
    *("links", "children", "flags", "weight", "attempt", "arrived", "keep", "foreign"),
)


def stored_row(item: Row) -> list:
    """The values of `ingest` for a row of the model."""
    value = {name: getattr(item, name) for name in item.__dataclass_fields__}
    value |= {
        "trace_id": bytes.fromhex(item.trace_id),
        "id": int(item.id or "0", 16),
        "parent_id": int(item.parent_id or "0", 16),
        "duration_us": item.duration_us or 0,
        "unfinished": int(item.duration_us is None),
        "error": int(item.error),
        "links": [(bytes.fromhex(t), int(i, 16), k) for t, i, k in item.links],
        "keep": 1,
        "foreign": int(not item.span_id),
    }
    return [value[name] for name in COLUMNS]


def insert_rows(engine: ClickHouse, rows: list[Row], token: str = "") -> None:
    """Store rows of the model through the table that feeds all others."""
    settings = {"insert_deduplication_token": token, "insert_deduplicate": 1} if token else {}
    columns = [list(column) for column in zip(*map(stored_row, rows), strict=True)]
    with engine.writer() as handle:
        table = f"{engine.database}.ingest"
        handle.insert(table, columns, column_names=COLUMNS, column_oriented=True, settings=settings)


@pytest.fixture
def store_rows(engine: ClickHouse) -> Callable[..., None]:
    return lambda rows, token="": insert_rows(engine, rows, token)


@pytest.fixture(scope="module")
def shared_engine(engine_folder: Path, request: pytest.FixtureRequest) -> Iterator[ClickHouse]:
    """A database for all tests of a module: making one takes longer than most of them."""
    database = request.module.__name__.rpartition(".")[2]
    store = ClickHouse(StoreSettings(path=str(engine_folder), database=f"shared_{database}"))
    migrate(store)
    yield store
    with store.writer() as handle:
        handle.command(f"DROP DATABASE {store.database}")
    store.close()


@pytest.fixture(scope="module")
def store_shared(shared_engine: ClickHouse) -> Callable[..., None]:
    return lambda rows, token="": insert_rows(shared_engine, rows, token)
