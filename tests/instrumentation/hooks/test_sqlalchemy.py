"""SQLAlchemy."""

import asyncio

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.util import greenlet_spawn

import hopline
from hopline.hooks.sqlalchemy import database, summary


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


def test_async_engines_keep_the_context(recorder, engine):
    """I4: statements of an async engine, which run in a greenlet, are children of the task's span."""

    def select():
        with engine.connect() as connection:
            return connection.execute(text("SELECT 7")).scalar()

    async def work():
        async with hopline.span("work"):
            return await greenlet_spawn(select)

    assert asyncio.run(work()) == 7
    assert recorder.one(kind="client").span_id == "0.1"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select 1", ("SELECT", "")),
        ("/* why */ -- more\n UPDATE `orders` SET x = 1", ("UPDATE", "orders")),
        ('INSERT INTO "shop"."orders" VALUES (1)', ("INSERT", 'shop"."orders')),
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
    monkeypatch.setattr("hopline.hooks.sqlalchemy.summary", lambda _: 1 // 0)
    with hopline.span("work"), engine.connect() as connection:
        assert connection.execute(text("SELECT 7")).scalar() == 7
    assert recorder.counters()["events"]["hook_errors"] == 1


def test_database_names():
    """D1: the map's node of a database has its name."""
    names = ["postgresql://u:p@db1/shop", "mysql://db1", "sqlite://", "sqlite:////data/shop.db"]
    assert [database(create_engine_url(name)) for name in names] == ["shop", "db1", "memory", "shop.db"]


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
