"""SQLAlchemy, sync and asyncio, over SQLite."""

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from support.contract.client import Calls, Subject

ROW = {"name": "SELECT", "peer": "memory", "peer_kind": "db"}


def use(_env: Callable[[str], Any]) -> Calls:
    engine = create_engine("sqlite://")

    def run(statement: str) -> Any:
        with engine.connect() as connection:
            return connection.execute(text(statement)).scalar()

    return Calls(
        good=lambda: run("SELECT 1"),
        bad=lambda: run("SELECT * FROM nowhere"),
        error=OperationalError,
        row=ROW,
        close=engine.dispose,
    )


def use_async(_env: Callable[[str], Any]) -> Calls:
    def run(statement: str) -> Any:
        async def query() -> Any:
            engine = create_async_engine("sqlite+aiosqlite://")
            try:
                async with engine.connect() as connection:
                    return (await connection.execute(text(statement))).scalar()
            finally:
                await engine.dispose()

        return asyncio.run(query())

    return Calls(
        good=lambda: run("SELECT 1"), bad=lambda: run("SELECT * FROM nowhere"), error=OperationalError, row=ROW
    )


SUBJECTS = [Subject("sqlalchemy", ("sqlalchemy",), use), Subject("sqlalchemy (asyncio)", ("sqlalchemy",), use_async)]
