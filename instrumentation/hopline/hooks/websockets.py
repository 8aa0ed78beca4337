"""websockets, sync and asyncio, both sides: the handshake is a row, the connection none, for it may live for hours."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from websockets.asyncio import client as asyncio_client
from websockets.asyncio import server as asyncio_server
from websockets.datastructures import Headers
from websockets.sync import client as sync_client
from websockets.sync import server as sync_server

from hopline import tracer as tracing
from hopline.hooks import http_client
from hopline.hooks.around import around, around_async
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.hooks.server import HttpCall
from hopline.spans import Span

_ARGUMENTS: Final = ("additional_headers", "user_agent_header", "timeout")
"""Of the handshake, in their order."""

_patches = Patches()


def install() -> None:
    """Patch the handshakes; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(asyncio_client.ClientConnection, "handshake", _asking_async)
        _patches.wrap(sync_client.ClientConnection, "handshake", _asking)
        _patches.wrap(asyncio_server.ServerConnection, "handshake", _serving_async)
        _patches.wrap(sync_server.ServerConnection, "handshake", _serving)


def uninstall() -> None:
    """Put the originals back."""
    _patches.undo()


def _asking(original: Any) -> Any:
    @functools.wraps(original)
    def handshake(self: Any, *args: Any, **kwargs: Any) -> Any:
        return around(_start, functools.partial(_answered, self))(original)(self, *args, **kwargs)

    return handshake


def _asking_async(original: Any) -> Any:
    @functools.wraps(original)
    async def handshake(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await around_async(_start, functools.partial(_answered, self))(original)(self, *args, **kwargs)

    return handshake


def _start(args: list[Any], kwargs: dict[str, Any]) -> Span:
    """Client row of one handshake, begun, its headers written."""
    uri = args[0].protocol.uri
    url = f"{'wss' if uri.secure else 'ws'}://{uri.host}:{uri.port}{uri.path}"
    kwargs.update(zip(_ARGUMENTS, args[1:], strict=False))
    del args[1:]
    own: Any = kwargs.get("additional_headers") or ()
    # The library's own class may hold a name twice, which its `items` refuse to give.
    given = own.raw_items() if isinstance(own, Headers) else own.items() if isinstance(own, Mapping) else own
    kwargs["additional_headers"] = pairs = list(given)
    return http_client.begin("GET", url, pairs.extend)


def _answered(connection: Any, span: Span, _nothing: None) -> None:
    http_client.answered(span, connection.response.status_code, connection.response.headers)
    span.finish()


def _serving(original: Any) -> Any:
    @functools.wraps(original)
    def handshake(self: Any, *args: Any, **kwargs: Any) -> Any:
        since = safely(_now)
        try:
            return original(self, *args, **kwargs)
        finally:
            safely(_served, self, since)

    return handshake


def _serving_async(original: Any) -> Any:
    @functools.wraps(original)
    async def handshake(self: Any, *args: Any, **kwargs: Any) -> Any:
        since = safely(_now)
        try:
            return await original(self, *args, **kwargs)
        finally:
            safely(_served, self, since)

    return handshake


def _now() -> int:
    return tracing.active().process.clock()


def _served(connection: Any, since: int | None) -> None:
    """The row of a handshake that is over; before it, nobody knew the request."""
    if connection.request is None:
        return  # no request came, or none of HTTP
    call = _Handshake(connection)
    if not call.begin(call.method, call.path, connection.request.headers.raw_items()):
        return
    if since is not None and call.span.recording:
        call.span.start_ns = since
    if connection.response is not None:
        call.answered(connection.response.status_code)
    call.end()


class _Handshake(HttpCall):
    """One handshake that this process serves."""

    __slots__ = ("_headers",)

    def __init__(self, connection: Any) -> None:
        address = connection.remote_address
        super().__init__("GET", connection.request.path.partition("?")[0], address[0] if address else None)
        self._headers = connection.request.headers

    def header(self, name: str) -> str:
        """One of the request's headers."""
        return ",".join(self._headers.get_all(name))
