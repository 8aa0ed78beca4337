"""What database hooks say besides a row per statement: COMMIT, batches, connections waited for, prepared statements."""

import asyncio
import sqlite3

import asyncpg
import django
import psycopg
import pymysql
import pytest
from django.conf import settings
from django.db.utils import ConnectionHandler
from psycopg import sql
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

import hopline
from hopline.hooks import BY_NAME_ONLY, HOOKS
from hopline.testing import Recorder


def names(recorder: Recorder) -> list[str]:
    return [row.name for row in recorder.spans if row.kind == "client"]


@pytest.fixture
def waits_show(_waits_are_short, monkeypatch) -> None:
    """Every wait for a connection is long enough to be a row."""
    monkeypatch.setattr("hopline.hooks.database.WORTH_A_ROW_NS", 0)


def test_psycopg_statements_of_every_kind(recorder, postgres_port, install):
    """I4: texts, bytes, composed statements, batches and cursors of the server are named alike; COMMIT where one is."""
    install("psycopg")
    with psycopg.connect(host="127.0.0.1", port=postgres_port, user="postgres") as connection, hopline.span("work"):
        connection.execute("CREATE TEMP TABLE orders (number int)")
        with connection.cursor() as cursor:
            cursor.executemany(b"INSERT INTO orders VALUES (%s)", [(1,), (2,)])
            cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier("orders")))
        with connection.cursor(name="many") as cursor:
            assert len(cursor.execute("SELECT number FROM orders").fetchall()) == 2
        connection.commit()
        connection.commit()
        with connection.transaction(), connection.transaction():
            connection.execute("DELETE FROM orders")
    statements = ["CREATE orders", "INSERT orders", "SELECT orders", "SELECT orders", "COMMIT"]
    assert names(recorder) == [*statements, "DELETE orders", "COMMIT"]
    batch = recorder.one(name="INSERT orders")
    assert batch.tags["db.operation.batch.size"] == "2"
    assert batch.tags["db.system.name"] == "postgresql"
    assert batch.attrs["db.query.text"] == "INSERT INTO orders VALUES (%s)"


def test_asyncpg_statements_of_every_kind(recorder, postgres_port, install):
    """I4: prepared statements, batches and transactions too; what a pool does between its users makes no row."""
    install("asyncpg")

    async def main() -> None:
        async with (
            asyncpg.create_pool(host="127.0.0.1", port=postgres_port, user="postgres", min_size=1) as pool,
            hopline.span("work"),
            pool.acquire() as connection,
        ):
            async with connection.transaction():
                await connection.execute("CREATE TEMP TABLE orders (number int)")
                await connection.executemany("INSERT INTO orders VALUES ($1)", [(1,), (2,)])
                prepared = await connection.prepare("SELECT number FROM orders WHERE number > $1")
                assert await prepared.fetchval(1) == 2
            assert await connection.fetchval("SELECT count(*) FROM orders") == 2

    asyncio.run(main())
    found = names(recorder)
    assert found == ["BEGIN", "CREATE orders", "INSERT orders", "SELECT orders", "COMMIT", "SELECT orders"]
    assert recorder.one(name="INSERT orders").tags["db.operation.batch.size"] == "2"


def test_pymysql_batches_and_commit(recorder, mariadb_port, install):
    """I4: a batch is one row, whatever it sends; and so is COMMIT."""
    install("pymysql")
    with (
        pymysql.connect(host="127.0.0.1", port=mariadb_port, user="root", database="shop") as connection,
        hopline.span("work"),
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TEMPORARY TABLE orders (number int)")
        cursor.executemany("INSERT INTO orders VALUES (%s)", [(1,), (2,)])
        connection.commit()
    assert names(recorder) == ["CREATE orders", "INSERT orders", "COMMIT"]


def test_sqlite3_comes_by_name_only(recorder, install):
    """I4: install() leaves sqlite3 alone, install("sqlite3") does not; a class of the application's own stays."""
    assert {"sqlite3"} == BY_NAME_ONLY < HOOKS.keys()
    assert "sqlite3" not in hopline.install()
    hopline.uninstall()
    install("sqlite3")

    class Own(sqlite3.Connection):
        pass

    with hopline.span("work"):
        own = sqlite3.connect(":memory:", factory=Own)
        own.execute("SELECT 1")
        own.close()
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE orders (number int)")
        connection.executemany("INSERT INTO orders VALUES (?)", [(1,), (2,)])
        connection.commit()
        connection.commit()
        connection.executescript("SELECT 1; SELECT 2")
        connection.close()
    assert names(recorder) == ["CREATE orders", "INSERT orders", "COMMIT", "SELECT"]


def test_django_commit_and_wrappers(recorder, install):
    """I4: a transaction's COMMIT is a row; wrappers of the application's own see the statement as before."""
    if not settings.configured:
        settings.configure()
        django.setup()
    install("django_db")
    connection = ConnectionHandler({"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})["default"]
    seen = []

    def own(execute, statement, params, many, context):
        seen.append(statement)
        return execute(statement, params, many, context)

    with hopline.span("work"), connection.execute_wrapper(own), connection.cursor() as cursor:
        connection.set_autocommit(autocommit=False)
        cursor.execute("CREATE TABLE orders (number int)")
        cursor.executemany("INSERT INTO orders VALUES (%s)", [(1,), (2,)])
        connection.commit()
    connection.connection.close()  # Django keeps one in memory open
    assert names(recorder) == ["CREATE orders", "INSERT orders", "COMMIT"]
    assert len(seen) == 2


@pytest.mark.usefixtures("waits_show")
class TestConnections:
    def test_a_wait_below_a_span_is_a_row(self, recorder, postgres_port, install):
        """I4: making a connection holds the work up, and shows; outside any span it makes no trace."""
        install("psycopg")
        where = {"host": "127.0.0.1", "port": postgres_port, "user": "postgres", "dbname": "postgres"}
        psycopg.connect(**where).close()
        with hopline.span("work"):
            psycopg.connect(**where).close()
        row = recorder.one(kind="client")
        assert (row.name, row.peer, row.error, row.span_id) == ("connect", "postgres", False, "0.1")
        assert row.duration_us > 0

    def test_a_failure_is_a_row(self, recorder, closed_port, install):
        """I4: a database that is away is seen, with or without a span."""
        install("psycopg", "asyncpg", "pymysql")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"host=127.0.0.1 port={closed_port} dbname=shop")
        with pytest.raises(OSError):
            asyncio.run(asyncpg.connect(f"postgresql://127.0.0.1:{closed_port}/shop"))
        with pytest.raises(pymysql.OperationalError):
            pymysql.connect(host="127.0.0.1", port=closed_port, database="shop")
        assert {(row.name, row.peer, row.error) for row in recorder.spans} == {("connect", "shop", True)}
        assert len(recorder.spans) == 3

    def test_a_pool_that_is_used_up_is_seen(self, recorder, tmp_path, install):
        """I4: waiting for a connection of SQLAlchemy's pool is a row, and one that nobody gives back a failed one."""
        install("sqlalchemy")
        limits = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "pool_timeout": 0.01}
        engine = create_engine(f"sqlite:///{tmp_path}/shop.db", **limits)
        with hopline.span("work"), engine.connect(), pytest.raises(Exception, match="QueuePool limit"):
            engine.connect()
        engine.dispose()
        rows = [(row.name, row.peer, row.error) for row in recorder.spans if row.kind == "client"]
        assert rows == [("connect", "shop.db", False), ("connect", "shop.db", True)]

    def test_the_drivers_row_is_inside(self, recorder, postgres_port, install):
        """M4: a connection waited for is one row, of the pool's hook or the driver's."""
        install("sqlalchemy", "psycopg")
        engine = create_engine(f"postgresql+psycopg://postgres@127.0.0.1:{postgres_port}/postgres")
        with hopline.span("work"), engine.begin() as connection:
            connection.execute(text("SELECT 1"))
        engine.dispose()
        assert names(recorder) == ["connect", "SELECT", "COMMIT"]


def test_a_listener_that_raises_leaves_nothing_current(recorder, install):
    """I10: where another listener of the application refuses a statement, the span before it stays the current one."""
    install("sqlalchemy")
    engine = create_engine("sqlite://")

    def refuse(*_):
        raise PermissionError("read only")

    with hopline.span("work") as work, engine.connect() as connection:
        event.listen(engine, "before_cursor_execute", refuse)
        with pytest.raises(PermissionError):
            connection.execute(text("SELECT 1"))
        assert hopline.current_span() is work
        event.remove(engine, "before_cursor_execute", refuse)
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT * FROM nowhere"))
        assert hopline.current_span() is work
    engine.dispose()
