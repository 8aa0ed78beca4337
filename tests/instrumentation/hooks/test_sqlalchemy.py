"""SQLAlchemy."""

import asyncio
import threading

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

import hopline
from hopline.hooks.database import summary
from hopline.hooks.sqlalchemy import database_of
from hopline.model import path_key
from support.waiting import wait_until


@pytest.fixture
def engine(install, tmp_path):
    install("sqlalchemy")
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db")
    yield engine
    engine.dispose()


def test_one_client_row_per_statement(recorder, engine):
    """I4: a statement is a client row of kind db, named by operation and table, its text not in the index."""
    with hopline.span("work"), engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number INTEGER)"))
        connection.execute(text("INSERT INTO orders VALUES (:number)"), [{"number": 1}, {"number": 2}])
        assert connection.execute(text("SELECT count(*) FROM orders WHERE number > :n"), {"n": 1}).scalar() == 1
    assert recorder.tree().splitlines() == [
        "0 local shop work",
        "  0.1 client shop CREATE orders",
        "  0.2 client shop INSERT orders",
        "  0.3 client shop SELECT orders",
        "  0.4 client shop COMMIT",
    ]
    row = recorder.one(span_id="0.3")
    assert (row.peer, row.peer_kind) == ("shop.db", "db")
    assert row.tags == {
        "db.system.name": "sqlite",
        "db.namespace": engine.url.database,
        "db.operation.name": "SELECT",
        "db.collection.name": "orders",
    }
    assert row.attrs == {"db.query.text": "SELECT count(*) FROM orders WHERE number > ?"}
    assert recorder.one(span_id="0.2").tags["db.operation.batch.size"] == "2"


def test_failed_statement_is_raised_unchanged(recorder, engine):
    """I10: the application gets SQLAlchemy's error; the row names the driver's."""
    with hopline.span("work"), engine.connect() as connection, pytest.raises(OperationalError):
        connection.execute(text("SELECT * FROM nowhere"))
    row = recorder.one(kind="client")
    assert (row.error_type, row.error_text) == ("OperationalError", "no such table: nowhere")


def test_failed_connection_is_a_row(recorder, install):
    """I4: a database that cannot be reached shows as a failed call."""
    install("sqlalchemy")
    engine = create_engine("sqlite:////nowhere/at/all/shop.db")
    with hopline.span("work"), pytest.raises(OperationalError):
        engine.connect()
    row = recorder.one(kind="client")
    assert (row.name, row.peer, row.error_type) == ("connect", "shop.db", "OperationalError")


def drivers():
    """The threads in which aiosqlite works, one a connection."""
    return {thread for thread in threading.enumerate() if "_connection_worker" in thread.name}


class TestAsyncEngine:
    """A real asynchronous driver: aiosqlite runs each statement in a thread of its own."""

    @pytest.fixture(autouse=True)
    def _hook(self, install):
        install("sqlalchemy")

    def run(self, work, tmp_path, **options):
        async def main():
            engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/shop.db", **options)
            try:
                return await work(engine)
            finally:
                await engine.dispose()

        return asyncio.run(main())

    def test_statements_of_many_tasks(self, recorder, tmp_path):
        """I4: statements of an async engine are children of their own task's span, however tasks interleave."""

        async def select(engine, number):
            async with hopline.span(f"task {number}"), engine.connect() as connection:
                await asyncio.sleep(0)
                return (await connection.execute(text("SELECT :n"), {"n": number})).scalar()

        async def work(engine):
            async with hopline.span("work"):
                return await asyncio.gather(*(select(engine, number) for number in range(20)))

        assert self.run(work, tmp_path) == list(range(20))
        tasks = {row.id: row for row in recorder.spans if row.kind == "local"}
        clients = [row for row in recorder.spans if row.kind == "client"]
        assert [row.span_id for row in sorted(clients, key=lambda row: path_key(row.span_id))] == [
            f"0.{number}.1" for number in range(1, 21)
        ]
        assert {tasks[row.parent_id].name for row in clients} == {f"task {number}" for number in range(20)}
        assert {(row.peer, row.tags["db.system.name"]) for row in clients} == {("shop.db", "sqlite")}

    def test_sessions_and_streams(self, recorder, tmp_path):
        """I4: sessions and streamed results run the same statements, one row each."""

        async def work(engine):
            async with hopline.span("work"), AsyncSession(engine) as session:
                await session.execute(text("CREATE TABLE orders (number INTEGER)"))
                await session.execute(text("INSERT INTO orders VALUES (1), (2)"))
                result = await session.stream(text("SELECT number FROM orders"))
                return [row.number async for row in result]

        assert self.run(work, tmp_path) == [1, 2]
        clients = [(row.span_id, row.name) for row in recorder.spans if row.kind == "client"]
        assert clients == [("0.1", "CREATE orders"), ("0.2", "INSERT orders"), ("0.3", "SELECT orders")]

    def test_failures(self, recorder, tmp_path):
        """I4, I10: a statement and a connection that fail are failed rows; the application gets its own errors."""

        async def work(engine):
            async with hopline.span("work"):
                with pytest.raises(OperationalError, match="no such table"):
                    async with engine.connect() as connection:
                        await connection.execute(text("SELECT * FROM nowhere"))
                known = drivers()
                with pytest.raises(OperationalError, match="unable to open"):
                    await create_async_engine("sqlite+aiosqlite:////nowhere/at/all.db").connect()
                # The driver's thread of the connection that failed still tells this loop its end.
                await asyncio.to_thread(wait_until, lambda: drivers() <= known, what="the end of the driver's thread")

        self.run(work, tmp_path)
        clients = [(row.name, row.peer, row.error_type) for row in recorder.spans if row.kind == "client"]
        assert clients == [
            ("SELECT nowhere", "shop.db", "OperationalError"),
            ("connect", "all.db", "OperationalError"),
        ]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select 1", ("SELECT", "")),
        ("/* why */ -- more\n UPDATE `orders` SET x = 1", ("UPDATE", "orders")),
        ('INSERT INTO "shop"."orders" VALUES (1)', ("INSERT", "shop.orders")),
        ("DROP TABLE IF EXISTS orders", ("DROP", "orders")),
        ("WITH recent AS (SELECT * FROM orders) SELECT * FROM recent", ("WITH", "orders")),
        ("/**/" * 1000, ("", "")),
        ("", ("", "")),
        ("\x00;", ("", "")),
    ],
)
def test_summary(statement, expected):
    """I4: names stay few: operation and table, no values."""
    assert summary(statement) == expected


def test_failure_of_our_own_is_not_the_applications(recorder, engine, monkeypatch):
    """I10: when the hook itself fails, the statement runs and a counter rises."""
    monkeypatch.setattr("hopline.hooks.database.summary", lambda _: 1 // 0)
    with hopline.span("work"), engine.connect() as connection:
        assert connection.execute(text("SELECT 7")).scalar() == 7
    assert recorder.counters()["events"]["hook_errors"] == 1


def test_database_names():
    """D1: the map's node of a database has its name."""
    names = ["postgresql://u:p@db1/shop", "mysql://db1", "sqlite://", "sqlite:////data/shop.db"]
    assert [database_of(create_engine_url(name)) for name in names] == ["shop", "db1", "memory", "shop.db"]


def create_engine_url(name):
    from sqlalchemy.engine import make_url

    return make_url(name)


def test_uninstall_listens_no_longer(recorder, engine):
    """I4: install twice is install once, and uninstall takes the listeners off."""
    hopline.install("sqlalchemy")
    with hopline.span("work"), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    hopline.uninstall("sqlalchemy")
    with hopline.span("work"), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert len([row for row in recorder.spans if row.kind == "client"]) == 1
    from hopline.hooks import sqlalchemy as hook

    assert not any(event.contains(Engine, name, listener) for name, listener in hook._LISTENERS)
