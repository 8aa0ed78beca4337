"""PyMySQL: a client row per statement and COMMIT; a row for a connection waited for."""

from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from hopline.hooks import database
from hopline.hooks.around import around
from hopline.hooks.patch import Patches
from hopline.spans import Span

_patches = Patches()


def install() -> None:
    """Patch cursors and connections; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(Cursor, "execute", around(_execution))
        _patches.wrap(Cursor, "executemany", around(_batch))
        _patches.wrap(Connection, "commit", around(_commit))
        _patches.wrap(Connection, "connect", database.waiting(_located))


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _execution(args: list[Any], kwargs: dict[str, Any]) -> Span:
    return _statement(args, kwargs, 0)


def _batch(args: list[Any], kwargs: dict[str, Any]) -> Span:
    return _statement(args, kwargs, database.batch_size(args[2] if len(args) > 2 else kwargs.get("args")))


def _statement(args: list[Any], kwargs: dict[str, Any], batch: int) -> Span:
    query = args[1] if len(args) > 1 else kwargs["query"]
    text = query.decode("utf-8", "replace") if isinstance(query, (bytes, bytearray)) else query
    return database.execution(_target(args[0].connection), text, batch)


def _commit(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    return database.commit(_target(args[0]))


def _located(args: tuple[Any, ...], _kwargs: dict[str, Any]) -> database.Target:
    return _target(args[0])


def _target(connection: pymysql.Connection) -> database.Target:
    name = connection.db.decode() if isinstance(connection.db, bytes) else connection.db
    if connection.unix_socket:
        return database.target("mysql", name, connection.unix_socket)
    return database.target("mysql", name, connection.host, connection.port)
