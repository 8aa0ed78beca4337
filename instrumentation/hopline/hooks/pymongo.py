"""PyMongo, sync and asyncio: a client row per command, by PyMongo's own monitoring; commands' bodies are not kept.

Clients tell listeners that were registered before they were made.
"""

from typing import Any, Final

from pymongo import monitoring

from hopline.hooks import database
from hopline.hooks.guard import never_raises, span_or_noop
from hopline.noop import NOOP
from hopline.spans import Span

_HOUSEKEEPING: Final = frozenset({"hello", "ismaster", "isMaster", "ping", "endSessions", "saslStart", "saslContinue"})


class Listener(monitoring.CommandListener):
    """Begins a row at each command and ends it with the answer."""

    def __init__(self) -> None:
        self.on = False
        self._running: dict[tuple[Any, int], Span] = {}
        """By server and number of the request."""

    @never_raises
    def started(self, event: Any) -> None:
        """A command goes out."""
        if not self.on or event.command_name in _HOUSEKEEPING:
            return
        span = span_or_noop(_row, event)
        if span is not NOOP and span.recording:
            self._running[_key(event)] = span

    @never_raises
    def succeeded(self, event: Any) -> None:
        """The server has answered."""
        span = self._running.pop(_key(event), None)
        if span is not None:
            span.finish()

    @never_raises
    def failed(self, event: Any) -> None:
        """The server has refused, or did not answer."""
        span = self._running.pop(_key(event), None)
        if span is not None:
            failure = event.failure
            span.fail(str(failure.get("codeName") or failure.get("errtype") or "Error"), str(failure.get("errmsg", "")))
            span.finish()


def _key(event: Any) -> tuple[Any, int]:
    return event.connection_id, event.request_id


def _row(event: Any) -> Span:
    collection = event.command.get(event.command_name)
    host, port = event.connection_id
    to = database.target("mongodb", event.database_name, host, port)
    name = collection if isinstance(collection, str) else ""
    span = database.row(to, f"{event.command_name} {name}".strip())
    if span.recording:
        span.tag("db.operation.name", event.command_name)
        if name:
            span.tag("db.collection.name", name)
    span.begin()
    return span


_listener = Listener()


def install() -> None:
    """Listen to the clients that are made from now on; further calls change nothing."""
    if not _listener.on:
        _listener.on = True
        monitoring.register(_listener)


def uninstall() -> None:
    """Listen no longer, nor to clients that exist."""
    _listener.on = False
    listeners = monitoring._LISTENERS.command_listeners  # noqa: SLF001 - PyMongo has no way to take one off
    if _listener in listeners:
        listeners.remove(_listener)
