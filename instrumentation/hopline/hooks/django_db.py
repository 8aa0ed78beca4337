"""Django's own database access, of any backend: a client row per statement and COMMIT; one for a connection waited for.

Statements pass Django's ``execute_wrappers``, COMMIT and connecting the methods of its connections. What a driver's
hook would say of the same statement stays silent inside these rows.
"""

import functools
from pathlib import PurePath
from typing import Any, Final

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from hopline.context import Active
from hopline.hooks import database
from hopline.hooks.around import around
from hopline.hooks.guard import safely, span_or_noop
from hopline.hooks.patch import Patches
from hopline.noop import NOOP
from hopline.spans import Span

SYSTEMS: Final = {"oracle": "oracle.db", "microsoft": "microsoft.sql_server"}
"""Vendors whose name differs from OpenTelemetry's ``db.system.name``."""

_patches = Patches()


def install() -> None:
    """Wrap the statements of every connection, made before or later; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(BaseDatabaseWrapper, "__init__", _made)
        _patches.wrap(BaseDatabaseWrapper, "commit", around(_commit))
        _patches.wrap(BaseDatabaseWrapper, "connect", database.waiting(_located))
        for connection in safely(_open_connections) or ():
            _add(connection)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()
    for connection in safely(_open_connections) or ():
        if _wrapped in connection.execute_wrappers:
            connection.execute_wrappers.remove(_wrapped)


def _open_connections() -> list[BaseDatabaseWrapper]:
    """Those of this thread; none where Django's settings were not looked at yet, which we would do too early."""
    return list(connections.all(initialized_only=True)) if "settings" in vars(connections) else []


def _made(original: Any) -> Any:
    @functools.wraps(original)
    def init(self: BaseDatabaseWrapper, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        safely(_add, self)

    return init


def _add(connection: BaseDatabaseWrapper) -> None:
    if _wrapped not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _wrapped)  # the first stands outermost; `execute_wrapper` pops the last


def _wrapped(execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    span = span_or_noop(_execution, sql, params, many, context) if _patches.applied else NOOP
    if span is NOOP:
        return execute(sql, params, many, context)
    try:
        with Active(span):
            result = execute(sql, params, many, context)
    except BaseException as error:
        safely(span.finish, error)
        raise
    safely(span.finish)
    return result


def _execution(sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Span:
    return database.execution(_target(context["connection"]), str(sql), database.batch_size(params) if many else 0)


def _commit(args: list[Any], _kwargs: dict[str, Any]) -> Span:
    """No row where nothing is open: nothing is sent then."""
    connection = args[0]
    return database.commit(_target(connection)) if connection.connection is not None else NOOP


def _located(args: tuple[Any, ...], _kwargs: dict[str, Any]) -> database.Target:
    return _target(args[0])


def _target(connection: BaseDatabaseWrapper) -> database.Target:
    settings = connection.settings_dict
    system = SYSTEMS.get(connection.vendor, connection.vendor)
    name = str(settings["NAME"] or "")
    if system == "sqlite":
        memory = name.startswith("file:memorydb") or ":memory:" in name
        return database.target(system, name, peer="memory" if memory else PurePath(name).name)
    return database.target(system, name, settings["HOST"], settings["PORT"])
