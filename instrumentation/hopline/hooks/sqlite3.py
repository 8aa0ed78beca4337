"""sqlite3 of the standard library, by name only: a client row per statement and COMMIT.

Its classes cannot be patched, so connections made after ``install("sqlite3")`` are of a class of ours, unless
the application gives one of its own. Statements take microseconds, which is why ``install()`` leaves it out.
"""

import functools
import sqlite3
from pathlib import PurePath
from sqlite3 import dbapi2
from typing import Any

from hopline.hooks import database
from hopline.hooks.around import around
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_patches = Patches()


def install() -> None:
    """Patch ``sqlite3.connect``; further calls change nothing."""
    if not _patches.applied:
        for module in (sqlite3, dbapi2):
            _patches.wrap(module, "connect", _connecting)


def uninstall() -> None:
    """Put the original back; connections of ours that are open make no more rows."""
    _patches.undo()


def _connecting(original: Any) -> Any:
    @functools.wraps(original)
    def connect(database: Any, *args: Any, **kwargs: Any) -> Any:
        if _patches.applied and len(args) < 5:  # the sixth parameter is the class
            kwargs.setdefault("factory", TracedConnection)
        return original(database, *args, **kwargs)

    return connect


def _execution(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    cursor: TracedCursor = args[0]
    return database.execution(cursor.target, args[1]) if _patches.applied else NOOP


def _batch(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    cursor: TracedCursor = args[0]
    return database.execution(cursor.target, args[1], database.batch_size(args[2])) if _patches.applied else NOOP


def _commit(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    """No row where there is no transaction."""
    connection: TracedConnection = args[0]
    return database.commit(connection.target) if _patches.applied and connection.in_transaction else NOOP


class TracedCursor(sqlite3.Cursor):
    """A cursor whose statements make rows."""

    @property
    def target(self) -> database.Target:
        """The database, as rows name it."""
        connection = self.connection
        return connection.target if isinstance(connection, TracedConnection) else database.target("sqlite")

    execute = around(_execution)(sqlite3.Cursor.execute)
    executemany = around(_batch)(sqlite3.Cursor.executemany)
    executescript = around(_execution)(sqlite3.Cursor.executescript)


class TracedConnection(sqlite3.Connection):
    """A connection whose cursors are ours."""

    def __init__(self, path: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(path, *args, **kwargs)
        self.target = database.target("sqlite", peer=PurePath(str(path)).name.strip(":") or "memory")

    def cursor(self, factory: Any = TracedCursor) -> Any:
        """As the original's, with a cursor of ours by default."""
        return super().cursor(factory)

    def execute(self, *args: Any) -> Any:
        """On a new cursor, as the original's; so the next two."""
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        """As :meth:`execute`."""
        return self.cursor().executemany(*args)

    def executescript(self, *args: Any) -> Any:
        """As :meth:`execute`."""
        return self.cursor().executescript(*args)

    commit = around(_commit)(sqlite3.Connection.commit)
