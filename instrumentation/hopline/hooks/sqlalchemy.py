"""SQLAlchemy, engines of any dialect, sync and async: one client row per statement and COMMIT.

Uses SQLAlchemy's own events. A row begins before the cursor executes and ends after it; fetching is not part of it.
Meanwhile it is current, so that a hook of the driver says nothing of the same statement. A connection that cannot be
made, or that is waited for, is a row ``connect``; a free one of a pool makes none.
"""

from pathlib import PurePath
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine, ExceptionContext
from sqlalchemy.engine.url import URL

from hopline.context import Active
from hopline.hooks import database
from hopline.hooks.around import around
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.spans import Span

SYSTEMS: Final = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}
"""Dialects whose name differs from OpenTelemetry's ``db.system.name``."""

_RUNNING: Final = "_hopline_running"

_patches = Patches()
_engines: WeakKeyDictionary[Engine, database.Target] = WeakKeyDictionary()


def install() -> None:
    """Listen to every engine, made before or later; further calls change nothing."""
    for name, listener in _LISTENERS:
        if not event.contains(Engine, name, listener):
            event.listen(Engine, name, listener)
    if not _patches.applied:
        _patches.wrap(Engine, "raw_connection", database.waiting(_connecting))
        for method in ("_commit_impl", "_commit_twophase_impl"):
            _patches.wrap(Connection, method, around(_commit))


def uninstall() -> None:
    """Listen no longer."""
    _patches.undo()
    for name, listener in _LISTENERS:
        if event.contains(Engine, name, listener):
            event.remove(Engine, name, listener)


class _Running:
    """A statement's row while it is executed."""

    __slots__ = ("_active", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self._active: Active | None = None
        span.begin()

    def work(self) -> None:
        """Be current from here on."""
        self._active = Active(self.span)
        self._active.__enter__()

    def end(self, error: BaseException | None) -> None:
        if self._active is not None:
            self._active.__exit__()
        self.span.finish(error)


def _before(conn: Connection, _cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    safely(_begin, conn, statement, parameters, context, executemany)


def _begin(conn: Connection, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    batch = len(parameters) if executemany else 0
    span = database.statement(_target(conn.dialect, conn.engine), statement, batch)
    if span.recording:
        setattr(context, _RUNNING, _Running(span))


def _working(_cursor: Any, _statement: str, *parameters_and_context: Any) -> None:
    """What follows is sure to end in one of the two listeners below, whatever other listeners of the application do."""
    running: _Running | None = getattr(parameters_and_context[-1], _RUNNING, None)
    if running is not None:
        safely(running.work)


def _after(_conn: Connection, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
    safely(_end, context, None)


def _failed(context: ExceptionContext) -> None:
    safely(_end, context.execution_context, context.original_exception)


def _end(context: Any, error: BaseException | None) -> None:
    running: _Running | None = getattr(context, _RUNNING, None)
    if running is not None:
        delattr(context, _RUNNING)
        running.end(error)


_LISTENERS: Final = (
    ("before_cursor_execute", _before),
    ("do_execute", _working),
    ("do_executemany", _working),
    ("do_execute_no_params", _working),
    ("after_cursor_execute", _after),
    ("handle_error", _failed),
)


def _commit(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    connection: Connection = args[0]
    return database.commit(_target(connection.dialect, connection.engine))


def _connecting(args: tuple[Any, ...], _kwargs: dict[str, Any]) -> database.Target:
    engine: Engine = args[0]
    return _target(engine.dialect, engine)


def _target(dialect: Dialect, engine: Engine) -> database.Target:
    known = _engines.get(engine)
    if known is None:
        url, system = engine.url, SYSTEMS.get(dialect.name, dialect.name)
        known = _engines[engine] = database.target(system, url.database, url.host, url.port, database_of(url))
    return known


def database_of(url: URL) -> str:
    """What the map calls this database: its name, or the host or dialect where it has none."""
    if url.get_backend_name() == "sqlite":
        return PurePath(url.database or "memory").name.strip(":")
    return url.database or url.host or url.get_backend_name()
