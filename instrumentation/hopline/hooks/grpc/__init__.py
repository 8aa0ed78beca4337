"""gRPC, client and server, sync and asyncio: a row per call on either side.

The functions that make channels and servers are patched to add an interceptor, so
only what is made after installation is traced.
"""

import functools
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from hopline.hooks.grpc.client import AioInterceptors, ClientInterceptor
from hopline.hooks.grpc.server import AioServerInterceptor, ServerInterceptor
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches

_patches = Patches()


def install() -> None:
    """Patch the makers of channels and servers; further calls change nothing."""
    if not _patches.applied:
        for name in ("insecure_channel", "secure_channel"):
            _patches.wrap(grpc, name, _channel)
            _patches.wrap(grpc.aio, name, _aio_channel)
        _patches.wrap(grpc, "server", functools.partial(_server, make=ServerInterceptor))
        _patches.wrap(grpc.aio, "server", functools.partial(_server, make=AioServerInterceptor))


def uninstall() -> None:
    """Put the originals back; channels and servers that exist stay traced."""
    _patches.undo()


def _channel(original: Any) -> Any:
    @functools.wraps(original)
    def channel(target: str, *args: Any, **kwargs: Any) -> Any:
        made = original(target, *args, **kwargs)
        ours = safely(ClientInterceptor, target)
        return grpc.intercept_channel(made, ours) if ours is not None else made

    return channel


def _aio_channel(original: Any) -> Any:
    @functools.wraps(original)
    def channel(target: str, *args: Any, interceptors: Any = None, **kwargs: Any) -> Any:
        # The last interceptor is the innermost, so that retries of others are seen.
        return original(
            target, *args, interceptors=[*(interceptors or ()), *(safely(AioInterceptors, target) or ())], **kwargs
        )

    return channel


def _server(original: Any, make: Callable[[], Any]) -> Any:
    @functools.wraps(original)
    def server(pool: Any = None, handlers: Any = None, interceptors: Any = None, *args: Any, **kwargs: Any) -> Any:
        return original(pool, handlers, [make(), *(interceptors or ())], *args, **kwargs)

    return server
