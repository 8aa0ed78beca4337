"""psycopg 3, sync and asyncio: a client row per statement and COMMIT; a row for a connection waited for."""

from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from hopline.hooks import database
from hopline.hooks.around import around, around_async
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

_patches = Patches()
_targets: WeakKeyDictionary[Any, database.Target] = WeakKeyDictionary()


def install() -> None:
    """Patch cursors and connections; further calls change nothing."""
    if _patches.applied:
        return
    for cursor in (psycopg.Cursor, psycopg.ServerCursor):
        _patches.wrap(cursor, "execute", around(_execution))
        _patches.wrap(cursor, "executemany", around(_batch))
    for async_cursor in (psycopg.AsyncCursor, psycopg.AsyncServerCursor):
        _patches.wrap(async_cursor, "execute", around_async(_execution))
        _patches.wrap(async_cursor, "executemany", around_async(_batch))
    _patches.wrap(psycopg.Connection, "commit", around(_commit))
    _patches.wrap(psycopg.AsyncConnection, "commit", around_async(_commit))
    _patches.wrap(psycopg.Transaction, "__exit__", around(_block_ends))
    _patches.wrap(psycopg.AsyncTransaction, "__aexit__", around_async(_block_ends))
    _patches.wrap(psycopg.Connection, "connect", database.waiting(_located))
    _patches.wrap(psycopg.AsyncConnection, "connect", database.waiting_async(_located))
    _patches.wrap(psycopg, "connect", database.waiting(_located_by_function))


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _execution(args: list[Any], kwargs: dict[str, Any]) -> Span:
    return _statement(args, kwargs, 0)


def _batch(args: list[Any], kwargs: dict[str, Any]) -> Span:
    return _statement(args, kwargs, database.batch_size(args[2] if len(args) > 2 else kwargs.get("params_seq")))


def _statement(args: list[Any], kwargs: dict[str, Any], batch: int) -> Span:
    cursor, query = args[0], args[1] if len(args) > 1 else kwargs["query"]
    return database.execution(_target(cursor.connection), _text(query, cursor), batch)


def _text(query: Any, cursor: Any) -> str:
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    return query.as_string(cursor) if isinstance(query, psycopg.sql.Composable) else str(query)


def _commit(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    """No row where there is no transaction: nothing is sent then."""
    connection = args[0]
    open_now = connection.info.transaction_status != TransactionStatus.IDLE
    return database.commit(_target(connection)) if open_now else NOOP


def _block_ends(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    """The same for ``with connection.transaction()``, the outermost, where nothing was raised."""
    block, raised = args[0], args[1]
    if raised is not None or not block._outer_transaction:  # noqa: SLF001 - it has no public name
        return NOOP
    return database.commit(_target(block.connection))


def _target(connection: Any) -> database.Target:
    known = _targets.get(connection)
    if known is None:
        info = connection.info
        known = _targets[connection] = database.target("postgresql", info.dbname, info.host, info.port)
    return known


def _located(args: tuple[Any, ...], kwargs: dict[str, Any]) -> database.Target:
    """The same for the class method."""
    return _located_by_function(args[1:], kwargs)


def _located_by_function(args: tuple[Any, ...], kwargs: dict[str, Any]) -> database.Target:
    """What the arguments of ``connect`` name; they may say less than a connection would."""
    conninfo = args[0] if args else kwargs.get("conninfo", "")
    named = {name: value for name, value in kwargs.items() if name in {"dbname", "host", "port"}}
    found = conninfo_to_dict(conninfo, **named)
    return database.target("postgresql", found.get("dbname"), found.get("host"), found.get("port"))
