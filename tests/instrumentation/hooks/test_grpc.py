"""gRPC between real servers and channels, with generic handlers instead of generated code."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import pytest

import hopline
from support.waiting import wait_until

SERVICE = "shop.Stock"


@pytest.fixture(autouse=True)
def _hook(install):
    install("grpc")


def clients(recorder):
    return [row for row in recorder.spans if row.kind == "client"]


def get(request, context):
    with hopline.span("look up"):
        if request == b"missing":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such item")
        if request == b"broken":
            raise ZeroDivisionError("no stock")
        if request == b"away":
            context.set_code(grpc.StatusCode.UNAVAILABLE)
            context.set_details("closed today")
    return request.upper()


def many(request, context):
    for _ in range(2):
        with hopline.span("chunk"):
            yield request


def total(requests, context):
    return b"".join(requests)


def echo(requests, context):
    yield from requests


async def get_async(request, context):
    async with hopline.span("look up"):
        if request == b"missing":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such item")
        if request == b"broken":
            raise ZeroDivisionError("no stock")
    return request.upper()


async def many_async(request, context):
    for _ in range(2):
        async with hopline.span("chunk"):
            yield request


async def total_async(requests, context):
    return b"".join([request async for request in requests])


async def echo_async(requests, context):
    async for request in requests:
        await context.write(request)


def handlers(get, many, total, echo):
    methods = {
        "Get": grpc.unary_unary_rpc_method_handler(get),
        "Many": grpc.unary_stream_rpc_method_handler(many),
        "Total": grpc.stream_unary_rpc_method_handler(total),
        "Echo": grpc.stream_stream_rpc_method_handler(echo),
    }
    return [grpc.method_handlers_generic_handler(SERVICE, methods)]


@pytest.fixture
def channel(recorder):
    """A channel to a server in threads."""
    server = grpc.server(ThreadPoolExecutor(4), handlers(get, many, total, echo))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"dns:///127.0.0.1:{port}") as channel:
        yield channel
    server.stop(None).wait()


def test_call_and_callee_share_a_path(recorder, channel):
    """I4: a call is a client row named by its method; the callee's row has its path and tells its name."""
    with hopline.span("work"):
        assert channel.unary_unary(f"/{SERVICE}/Get")(b"apple", timeout=60) == b"APPLE"
    assert recorder.tree().splitlines() == [
        "0 local shop work",
        "  0.1 client shop shop.Stock/Get",
        "  0.1 server shop shop.Stock/Get",
        "    0.1.1 local shop look up",
    ]
    client, server = recorder.one(kind="client"), recorder.one(kind="server")
    assert (server.parent_id, server.caller_name) == (client.id, "work")
    assert client.peer == "shop"
    assert client.tags == {
        "rpc.system.name": "grpc",
        "rpc.method": "shop.Stock/Get",
        "rpc.status_code": "OK",
        "server.address": "127.0.0.1",
    }
    assert server.tags["rpc.status_code"] == "OK"


@pytest.mark.parametrize(
    ("item", "code", "server_error"),
    [
        (b"missing", "NOT_FOUND", ""),
        (b"broken", "UNKNOWN", "ZeroDivisionError"),
        (b"away", "UNAVAILABLE", "UNAVAILABLE"),
    ],
)
def test_status_codes(recorder, channel, item, code, server_error):
    """I4: a client row fails for every code but OK, a server row for those that are the server's fault."""
    with hopline.span("work"), pytest.raises(grpc.RpcError) as failure:
        channel.unary_unary(f"/{SERVICE}/Get")(item, timeout=60)
    assert failure.value.code().name == code
    client, server = recorder.one(kind="client"), recorder.one(kind="server")
    assert (client.tags["rpc.status_code"], client.error_type) == (code, code)
    assert (server.tags["rpc.status_code"], server.error_type) == (code, server_error)


def test_streams(recorder, channel):
    """I4: streams in either direction are one row on each side, until the last answer."""
    with hopline.span("work"):
        assert list(channel.unary_stream(f"/{SERVICE}/Many")(b"a", timeout=60)) == [b"a", b"a"]
        assert channel.stream_unary(f"/{SERVICE}/Total")(iter([b"a", b"b"]), timeout=60) == b"ab"
        assert list(channel.stream_stream(f"/{SERVICE}/Echo")(iter([b"a", b"b"]), timeout=60)) == [b"a", b"b"]
        assert channel.unary_unary(f"/{SERVICE}/Get").future(b"a").result(10) == b"A"
    # Rows of streams and futures end in a thread of gRPC's, which may come after the last answer.
    wait_until(lambda: len(clients(recorder)) == 4, what="the rows of four calls")
    assert [(row.span_id, row.name) for row in clients(recorder)] == [
        ("0.1", "shop.Stock/Many"),
        ("0.2", "shop.Stock/Total"),
        ("0.3", "shop.Stock/Echo"),
        ("0.4", "shop.Stock/Get"),
    ]
    servers = [row for row in recorder.spans if row.kind == "server"]
    assert [row.parent_id for row in servers] == [row.id for row in clients(recorder)]
    assert [row.span_id for row in recorder.spans if row.name == "chunk"] == ["0.1.1", "0.1.2"]


def test_server_that_is_away(recorder, closed_port):
    """I10: the application gets gRPC's own error."""
    channel = grpc.insecure_channel(f"127.0.0.1:{closed_port}")
    with channel, hopline.span("work"), pytest.raises(grpc.RpcError):
        channel.unary_unary(f"/{SERVICE}/Get")(b"apple", timeout=60)
    row = recorder.one(kind="client")
    assert (row.error_type, row.peer) == ("UNAVAILABLE", f"127.0.0.1:{closed_port}")


@pytest.mark.parametrize("behaviors", [(get_async, many_async, total_async, echo_async), (get, many, total, echo)])
def test_asyncio(recorder, behaviors):
    """I4: the asyncio side, with coroutines and with plain functions as handlers."""

    async def work():
        server = grpc.aio.server(ThreadPoolExecutor(2), handlers=handlers(*behaviors))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel, hopline.span("work"):
            assert await channel.unary_unary(f"/{SERVICE}/Get")(b"apple") == b"APPLE"
            assert [answer async for answer in channel.unary_stream(f"/{SERVICE}/Many")(b"a")] == [b"a", b"a"]
            assert await channel.stream_unary(f"/{SERVICE}/Total")(iter([b"a", b"b"])) == b"ab"
            both = channel.stream_stream(f"/{SERVICE}/Echo")(iter([b"a", b"b"]))
            assert [answer async for answer in both] == [b"a", b"b"]
            for item in (b"missing", b"broken"):
                with pytest.raises(grpc.aio.AioRpcError):
                    await channel.unary_unary(f"/{SERVICE}/Get")(item)
        await server.stop(None)

    asyncio.run(work())
    found = [(row.span_id, row.name[11:], row.tags["rpc.status_code"], row.error_type) for row in clients(recorder)]
    assert found == [
        ("0.1", "Get", "OK", ""),
        ("0.2", "Many", "OK", ""),
        ("0.3", "Total", "OK", ""),
        ("0.4", "Echo", "OK", ""),
        ("0.5", "Get", "NOT_FOUND", "NOT_FOUND"),
        ("0.6", "Get", "UNKNOWN", "UNKNOWN"),
    ]
    servers = [row for row in recorder.spans if row.kind == "server"]
    assert [row.parent_id for row in servers] == [row.id for row in clients(recorder)]
    assert [row.error_type for row in servers] == ["", "", "", "", "", "ZeroDivisionError"]
    assert {row.peer for row in clients(recorder)} == {"shop"}


def test_uninstall_restores_the_originals():
    """I4: uninstall brings the originals back."""
    patched = (grpc.insecure_channel, grpc.server, grpc.aio.secure_channel, grpc.aio.server)
    hopline.uninstall("grpc")
    restored = (grpc.insecure_channel, grpc.server, grpc.aio.secure_channel, grpc.aio.server)
    assert restored == tuple(function.__wrapped__ for function in patched)
