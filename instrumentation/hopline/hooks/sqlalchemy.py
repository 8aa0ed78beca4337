"""SQLAlchemy, engines of any dialect, sync and async: one client row per statement.

Uses SQLAlchemy's own events. A row begins before the cursor executes and ends after
it; fetching is not part of it. A connection that cannot be made is a failed row
``connect``.
"""

import re
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine, ExceptionContext
from sqlalchemy.engine.url import URL

from hopline.hooks.guard import quietly
from hopline.spans import Span
from hopline.tracer import call

SYSTEMS: Final = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}
"""Dialects whose name differs from OpenTelemetry's ``db.system.name``."""

_SPAN: Final = "_hopline_span"
_OPERATION: Final = re.compile(r"(?:\s|--[^\n]*\n|(?>/\*.*?\*/)|\()*+([A-Za-z]+)", re.DOTALL)
_COLLECTION: Final = re.compile(
    r"\b(?:FROM|INTO|UPDATE|TABLE)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?([\w.$\"`\[\]]+)", re.IGNORECASE
)
_LOOK_AT: Final = 4_096

_engines: WeakKeyDictionary[Engine, tuple[str, dict[str, str]]] = WeakKeyDictionary()
"""Peer and tags of each engine in use."""


def install() -> None:
    """Listen to every engine, made before or later; further calls change nothing."""
    for name, listener in _LISTENERS:
        if not event.contains(Engine, name, listener):
            event.listen(Engine, name, listener)


def uninstall() -> None:
    """Listen no longer."""
    for name, listener in _LISTENERS:
        if event.contains(Engine, name, listener):
            event.remove(Engine, name, listener)


def _before(conn: Connection, _cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    quietly(_begin, conn, statement, parameters, context, executemany)


def _after(_conn: Connection, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
    quietly(_finish, context, None)


def _failed(context: ExceptionContext) -> None:
    quietly(_note_failure, context)


def _note_failure(context: ExceptionContext) -> None:
    error = context.original_exception
    if context.execution_context is not None:
        _finish(context.execution_context, error)
    elif context.connection is None and context.engine is not None:
        span = _start(context.dialect, context.engine, "connect")
        span.begin()
        span.finish(error)


_LISTENERS: Final = (("before_cursor_execute", _before), ("after_cursor_execute", _after), ("handle_error", _failed))


def _begin(conn: Connection, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    span = _statement(conn, statement, len(parameters) if executemany else 0)
    if span.recording:
        setattr(context, _SPAN, span)
        span.begin()


def _statement(conn: Connection, statement: str, batch: int) -> Span:
    operation, collection = summary(statement) if len(statement) <= _LOOK_AT else _summarise(statement[:_LOOK_AT])
    span = _start(conn.dialect, conn.engine, f"{operation} {collection}".strip())
    if span.recording:
        span.tag("db.operation.name", operation)
        if collection:
            span.tag("db.collection.name", collection)
        if batch:
            span.tag("db.operation.batch.size", batch)
        span.attr("db.query.text", statement)
    return span


def _start(dialect: Dialect, engine: Engine, name: str) -> Span:
    known = _engines.get(engine)
    if known is None:
        known = _engines[engine] = (database(engine.url), _tags(dialect, engine.url))
    peer, tags = known
    span = call(name, peer=peer, peer_kind="db")
    span.tags.update(tags)
    return span


def _tags(dialect: Dialect, url: URL) -> dict[str, str]:
    found = {
        "db.system.name": SYSTEMS.get(dialect.name, dialect.name),
        "db.namespace": url.database,
        "server.address": url.host,
        "server.port": url.port,
    }
    return {key: str(value) for key, value in found.items() if value}


def _finish(context: Any, error: BaseException | None) -> None:
    span: Span | None = getattr(context, _SPAN, None)
    if span is not None:
        span.finish(error)


def database(url: URL) -> str:
    """What the map calls this database: its name, or the host or dialect where it has none."""
    if url.get_backend_name() == "sqlite":
        return PurePath(url.database or "memory").name.strip(":")
    return url.database or url.host or url.get_backend_name()


def _summarise(statement: str) -> tuple[str, str]:
    """Operation and first table of an SQL statement, ``("SELECT", "orders")``; empty where there is none."""
    operation, collection = _OPERATION.match(statement), _COLLECTION.search(statement)
    return operation.group(1).upper() if operation else "", collection.group(1).strip('"`[]') if collection else ""


summary: Final = lru_cache(maxsize=1_024)(_summarise)
"""The same, remembered: a program has few statements and runs them often."""
