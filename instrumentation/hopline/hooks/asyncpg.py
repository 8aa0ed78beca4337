"""asyncpg: a client row per statement and COMMIT; a row for a connection waited for.

A transaction begins and ends by statements of asyncpg's own. As with every driver, undoing makes no row: leaving a
connection does it too, whether or not there is anything to undo.
"""

from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import Pool
from asyncpg.prepared_stmt import PreparedStatement

from hopline.hooks import database
from hopline.hooks.around import around_async
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_ONCE: Final = ("execute", "fetch", "fetchval", "fetchrow")
_MANY: Final = ("executemany", "fetchmany")
_UNDOING: Final = "ROLLBACK;"

_patches = Patches()


def install() -> None:
    """Patch connections, prepared statements and pools; further calls change nothing."""
    if _patches.applied:
        return
    for method in _ONCE:
        _patches.wrap(asyncpg.Connection, method, around_async(_execution))
        _patches.wrap(PreparedStatement, method, around_async(_prepared))
    for method in _MANY:
        _patches.wrap(asyncpg.Connection, method, around_async(_batch))
        _patches.wrap(PreparedStatement, method, around_async(_prepared_batch))
    _patches.wrap(asyncpg.Connection, "reset", database.silent_async)
    _patches.wrap(Pool, "_acquire", database.waiting_async(_pool))
    for module in (asyncpg, asyncpg.connection):
        _patches.wrap(module, "connect", database.waiting_async(_located))


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _execution(args: list[Any], kwargs: dict[str, Any]) -> Span:
    query = args[1] if len(args) > 1 else kwargs["query"]
    return NOOP if query == _UNDOING else database.execution(_target(args[0]), query)


def _batch(args: list[Any], kwargs: dict[str, Any]) -> Span:
    query = args[1] if len(args) > 1 else kwargs["command" if "command" in kwargs else "query"]
    sets = args[2] if len(args) > 2 else kwargs["args"]
    return database.execution(_target(args[0]), query, database.batch_size(sets))


def _prepared(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    return database.execution(_target(args[0]._connection), args[0].get_query())  # noqa: SLF001 - it has no public name


def _prepared_batch(args: list[Any], kwargs: dict[str, Any]) -> Span:
    sets = args[1] if len(args) > 1 else kwargs["args"]
    connection = args[0]._connection  # noqa: SLF001 - as above
    return database.execution(_target(connection), args[0].get_query(), database.batch_size(sets))


def _target(connection: Any) -> database.Target:
    address = connection._addr  # noqa: SLF001 - where it is connected to has no public name
    host, port = address if isinstance(address, tuple) else (address, "")
    return database.target("postgresql", connection._params.database, host, port)  # noqa: SLF001


def _pool(args: tuple[Any, ...], _kwargs: dict[str, Any]) -> database.Target:
    """What the pool was told to connect to."""
    pool = args[0]
    return _located(pool._connect_args, pool._connect_kwargs)  # noqa: SLF001 - as above


def _located(args: tuple[Any, ...], kwargs: dict[str, Any]) -> database.Target:
    """What the arguments of ``connect`` name, as far as they do."""
    parts = urlsplit(str((args[0] if args else kwargs.get("dsn")) or ""))
    host, port = kwargs.get("host") or parts.hostname, kwargs.get("port") or parts.port
    return database.target("postgresql", kwargs.get("database") or parts.path.strip("/"), host, port)
