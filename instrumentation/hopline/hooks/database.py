"""Calls to databases, judged in one place for every driver: names, tags, the far end, what waiting is worth a row.

A row is one statement, from its sending to the server's answer. It is called by its operation and first table
(``SELECT orders``), never by its text, and the far end is the database's name. Parameters are not kept.
A row ``connect`` stands for a connection that fails, or that the running work waits for.
"""

import functools
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

from hopline import tracer as tracing
from hopline.context import Active, current
from hopline.hooks.guard import safely
from hopline.hooks.patch import MARK
from hopline.noop import NOOP
from hopline.spans import Span
from hopline.tracer import call

WORTH_A_ROW_NS: Final = 1_000_000
"""What a wait for a connection must last to be seen: a pool with a free one takes a hundredth of it."""

_OPERATION: Final = re.compile(r"(?:\s|--[^\n]*\n|(?>/\*.*?\*/)|\()*+([A-Za-z]+)", re.DOTALL)
_COLLECTION: Final = re.compile(
    r"\b(?:FROM|INTO|UPDATE|TABLE)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?([\w.$\"`\[\]]+)", re.IGNORECASE
)
_WITHOUT_QUOTES: Final = str.maketrans("", "", '"`[]')
_LOOK_AT: Final = 4_096


class Target(NamedTuple):
    """A database as rows name it."""

    peer: str
    tags: dict[str, str]


def target(system: str, namespace: object = "", host: object = "", port: object = "", peer: str = "") -> Target:
    """The database ``namespace`` of a server; what is not known is empty.

    ``system`` is OpenTelemetry's ``db.system.name``. The map calls a database by its name, else by its server.
    """
    found = {"db.system.name": system, "db.namespace": namespace, "server.address": host, "server.port": port}
    tags = {key: str(value) for key, value in found.items() if value}
    return Target(peer or str(namespace or host or system), tags)


def row(of: Target, name: str) -> Span:
    """Row of a call to a database, not yet begun; the no-op inside another call."""
    span = call(name, peer=of.peer, peer_kind="db")
    span.tags.update(of.tags)
    return span


def statement(of: Target, text: str, batch: int = 0) -> Span:
    """Row of one statement, or of ``batch`` executions of it at once; not yet begun."""
    operation, collection = summary(text) if len(text) <= _LOOK_AT else _summarise(text[:_LOOK_AT])
    span = row(of, f"{operation} {collection}".strip() or of.tags["db.system.name"])
    if span.recording:
        if operation:
            span.tag("db.operation.name", operation)
        if collection:
            span.tag("db.collection.name", collection)
        if batch:
            span.tag("db.operation.batch.size", batch)
        span.attr("db.query.text", text)
    return span


def execution(of: Target, text: str, batch: int = 0) -> Span:
    """As :func:`statement`, begun."""
    span = statement(of, text, batch)
    span.begin()
    return span


def commit(of: Target) -> Span:
    """Row of a transaction's end, begun: a database may do the most of a transaction's work there."""
    span = row(of, "COMMIT")
    if span.recording:
        span.tag("db.operation.name", "COMMIT")
    span.begin()
    return span


def batch_size(parameters: Any) -> int:
    """How many sets of parameters there are, without using up an iterator; 0 where that cannot be told."""
    return len(parameters) if hasattr(parameters, "__len__") else 0


def _summarise(text: str) -> tuple[str, str]:
    """Operation and first table of an SQL statement, ``("SELECT", "orders")``; empty where there is none."""
    operation, collection = _OPERATION.match(text), _COLLECTION.search(text)
    name = collection.group(1).translate(_WITHOUT_QUOTES) if collection else ""
    return operation.group(1).upper() if operation else "", name


summary: Final = lru_cache(maxsize=1_024)(_summarise)
"""The same, remembered: a program has few statements and runs them often."""

Locate = Callable[[tuple[Any, ...], dict[str, Any]], Target]
"""Tells from the arguments of a connecting function what is connected to."""


def waiting(locate: Locate) -> Callable[[Any], Any]:
    """A wrapper for :meth:`hopline.hooks.patch.Patches.wrap`, of a function that gives a connection.

    Nothing inside makes a row. The wait itself makes one when it failed, or when the work of a span was
    held up by it.
    """

    def wrap(original: Any) -> Any:
        @functools.wraps(original)
        def connect(*args: Any, **kwargs: Any) -> Any:
            with _Wait(connect, locate, args, kwargs):
                return original(*args, **kwargs)

        return connect

    return wrap


def waiting_async(locate: Locate) -> Callable[[Any], Any]:
    """As :func:`waiting`, for a coroutine function."""

    def wrap(original: Any) -> Any:
        @functools.wraps(original)
        async def connect(*args: Any, **kwargs: Any) -> Any:
            with _Wait(connect, locate, args, kwargs):
                return await original(*args, **kwargs)

        return connect

    return wrap


class _Wait:
    """One wait for a connection, whose row is made when its end is known."""

    __slots__ = ("_active", "_args", "_kwargs", "_locate", "_on", "_since")

    def __init__(self, connect: Any, locate: Locate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._locate, self._args, self._kwargs = locate, args, kwargs
        patch = vars(connect).get(MARK)
        self._on = (patch is None or patch.on) and current.get() is not NOOP
        self._active = Active(NOOP)
        self._since = 0

    def __enter__(self) -> Self:
        if self._on:
            self._since = safely(_now) or 0
            self._active.__enter__()
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if self._on:
            self._active.__exit__()
            if self._since:
                safely(self._judge, error)

    def _judge(self, error: BaseException | None) -> None:
        if error is None and (current.get() is None or _now() - self._since < WORTH_A_ROW_NS):
            return
        span = row(self._locate(self._args, self._kwargs), "connect")
        if span.recording:
            span.begin()
            span.start_ns = self._since
            span.finish(error)


def silent_async(original: Any) -> Any:
    """Wrapper of a coroutine function that makes no rows: housekeeping of a library's own."""

    @functools.wraps(original)
    async def quiet(*args: Any, **kwargs: Any) -> Any:
        with Active(NOOP):
            return await original(*args, **kwargs)

    return quiet


def _now() -> int:
    return tracing.active().process.clock()
