"""Database drivers against their real servers, PyMongo against what stands for one, SQLAlchemy over two of them."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import asyncpg
import psycopg
import pymongo
import pymysql
from pymongo.errors import OperationFailure
from pymongo.server_api import ServerApi
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from support.contract.client import Calls, Subject

Env = Callable[[str], Any]

BAD = "SELECT * FROM nowhere"
IN_POSTGRES = {"name": "SELECT pg_class", "peer": "postgres", "peer_kind": "db"}
GOOD = "SELECT relname FROM pg_class LIMIT 1"


def by_psycopg(env: Env) -> Calls:
    connection = psycopg.connect(f"host=127.0.0.1 port={env('postgres_port')} user=postgres", autocommit=True)
    return Calls(
        good=lambda: connection.execute(GOOD).fetchall(),
        bad=lambda: connection.execute(BAD),
        error=psycopg.Error,
        row=IN_POSTGRES,
        close=connection.close,
    )


def by_psycopg_async(env: Env) -> Calls:
    def run(statement: str) -> Any:
        async def query() -> Any:
            where = f"host=127.0.0.1 port={port} user=postgres"
            async with await psycopg.AsyncConnection.connect(where, autocommit=True) as connection:
                return await (await connection.execute(statement)).fetchall()

        return asyncio.run(query())

    port = env("postgres_port")
    return Calls(good=lambda: run(GOOD), bad=lambda: run(BAD), error=psycopg.Error, row=IN_POSTGRES)


def by_asyncpg(env: Env) -> Calls:
    def run(statement: str) -> Any:
        async def query() -> Any:
            async with asyncpg.create_pool(host="127.0.0.1", port=port, user="postgres", min_size=1) as pool:
                return await pool.fetch(statement)

        return asyncio.run(query())

    port = env("postgres_port")
    return Calls(good=lambda: run(GOOD), bad=lambda: run(BAD), error=asyncpg.PostgresError, row=IN_POSTGRES)


def by_pymysql(env: Env) -> Calls:
    connection = pymysql.connect(host="127.0.0.1", port=env("mariadb_port"), user="root", database="shop")

    def run(statement: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    return Calls(
        good=lambda: run("SELECT 1"),
        bad=lambda: run(BAD),
        error=pymysql.Error,
        row={"name": "SELECT", "peer": "shop", "peer_kind": "db"},
        close=connection.close,
    )


def by_sqlite3(_env: Env) -> Calls:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    return Calls(
        good=lambda: connection.execute("SELECT 1").fetchall(),
        bad=lambda: connection.execute(BAD),
        error=sqlite3.Error,
        row={"name": "SELECT", "peer": "memory", "peer_kind": "db"},
        close=connection.close,
    )


def by_sqlalchemy(env: Env) -> Calls:
    """Both hooks at once: one row."""
    engine = create_engine(f"postgresql+psycopg://postgres@127.0.0.1:{env('postgres_port')}/postgres")

    def run(statement: str) -> Any:
        with engine.connect() as connection:
            return connection.execute(text(statement)).scalar()

    return Calls(good=lambda: run(GOOD), bad=lambda: run(BAD), error=DBAPIError, row=IN_POSTGRES, close=engine.dispose)


def by_sqlalchemy_async(env: Env) -> Calls:
    """Both hooks at once: one row."""
    url = f"postgresql+asyncpg://postgres@127.0.0.1:{env('postgres_port')}/postgres"

    def run(statement: str) -> Any:
        async def query() -> Any:
            engine = create_async_engine(url)
            try:
                async with engine.connect() as connection:
                    return (await connection.execute(text(statement))).scalar()
            finally:
                await engine.dispose()

        return asyncio.run(query())

    return Calls(good=lambda: run(GOOD), bad=lambda: run(BAD), error=DBAPIError, row=IN_POSTGRES)


def _mongo(port: int, kind: Any) -> Any:
    return kind("127.0.0.1", port, server_api=ServerApi("1"), directConnection=True, heartbeatFrequencyMS=60_000)


def by_pymongo(env: Env) -> Calls:
    client = _mongo(env("mongo_port"), pymongo.MongoClient)
    return Calls(
        good=lambda: client.shop.orders.find_one({"card": "4711"}),
        bad=lambda: client.shop.command("nothing"),
        error=OperationFailure,
        row={"name": "find orders", "peer": "shop", "peer_kind": "db"},
        close=client.close,
    )


def by_pymongo_async(env: Env) -> Calls:
    def run(act: Callable[[Any], Any]) -> Any:
        async def main() -> Any:
            async with _mongo(port, pymongo.AsyncMongoClient) as client:
                return await act(client)

        return asyncio.run(main())

    port = env("mongo_port")
    return Calls(
        good=lambda: run(lambda client: client.shop.orders.find_one({})),
        bad=lambda: run(lambda client: client.shop.command("nothing")),
        error=OperationFailure,
        row={"name": "find orders", "peer": "shop", "peer_kind": "db"},
    )


SUBJECTS = [
    Subject("psycopg", ("psycopg",), by_psycopg, patched=lambda: psycopg.Cursor.execute),
    Subject("psycopg (asyncio)", ("psycopg",), by_psycopg_async, patched=lambda: psycopg.AsyncCursor.execute),
    Subject("asyncpg", ("asyncpg",), by_asyncpg, patched=lambda: asyncpg.Connection.fetch),
    Subject("pymysql", ("pymysql",), by_pymysql, patched=lambda: pymysql.cursors.Cursor.execute),
    Subject("pymongo", ("pymongo",), by_pymongo),
    Subject("pymongo (asyncio)", ("pymongo",), by_pymongo_async),
    Subject("sqlite3", ("sqlite3",), by_sqlite3, patched=lambda: sqlite3.connect),
    Subject("sqlalchemy (psycopg)", ("sqlalchemy", "psycopg"), by_sqlalchemy),
    Subject("sqlalchemy (asyncpg)", ("sqlalchemy", "asyncpg"), by_sqlalchemy_async),
]
