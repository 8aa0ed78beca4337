"""Rows for tests: `row` makes one side of a call, `calls` the article's trace."""

from collections.abc import Callable, Iterator

import pytest

from hopline.model import Row
from hopline_collector.store.clickhouse import ClickHouse
from support.stored_rows import insert_rows
from support.stores import KINDS, store_of

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


@pytest.fixture
def store_rows(engine: ClickHouse) -> Callable[..., None]:
    return lambda rows, token="": insert_rows(engine, rows, token)


@pytest.fixture(scope="module", params=KINDS)
def shared_engine(request: pytest.FixtureRequest) -> Iterator[ClickHouse]:
    """A database for all tests of a module, on each kind of store: making one takes longer than most of them."""
    with store_of(request.param, request) as store:
        yield store


@pytest.fixture(scope="module")
def store_shared(shared_engine: ClickHouse) -> Callable[..., None]:
    return lambda rows, token="": insert_rows(shared_engine, rows, token)
