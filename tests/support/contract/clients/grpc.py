"""gRPC's calling side, sync and asyncio."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio

from support.contract.client import Calls, Subject


def started() -> tuple[Any, int]:
    """A server, and its port."""

    def get(request: bytes, context: Any) -> bytes:
        if request == b"bad":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
        return request

    handler = grpc.method_handlers_generic_handler("shop.Stock", {"Get": grpc.unary_unary_rpc_method_handler(get)})
    server = grpc.server(ThreadPoolExecutor(1), [handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def use(call: Callable[[int, bytes], bytes]) -> Callable[[Callable[[str], Any]], Calls]:
    def calls(_env: Callable[[str], Any]) -> Calls:
        server, port = started()
        return Calls(
            good=lambda: call(port, b"good"),
            bad=lambda: call(port, b"bad"),
            error=grpc.RpcError,
            row={"name": "shop.Stock/Get", "peer": "shop", "peer_kind": "service"},
            close=lambda: server.stop(None).wait(),
        )

    return calls


def by_channel(port: int, request: bytes) -> bytes:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        return channel.unary_unary("/shop.Stock/Get")(request, timeout=60)


def by_aio_channel(port: int, request: bytes) -> bytes:
    async def call() -> bytes:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            return await channel.unary_unary("/shop.Stock/Get")(request, timeout=60)

    return asyncio.run(call())


SUBJECTS = [
    Subject("grpc (client)", ("grpc",), use(by_channel), patched=lambda: grpc.insecure_channel),
    Subject("grpc.aio (client)", ("grpc",), use(by_aio_channel), patched=lambda: grpc.aio.insecure_channel),
]
