"""Calls that fail while they wait or while a body is read, and calls through a proxy, by every HTTP client."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import aiohttp
import httpx
import pytest

import hopline
from hopline.testing import Recorder
from support.contract.clients.http import FETCHERS
from support.waiting import wait_until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
TIMEOUT_S = 0.3


@pytest.fixture(params=FETCHERS)
def fetch(request, install):
    found, _, hook, _ = FETCHERS[request.param]
    install(hook)
    return found


@pytest.fixture
def serve():
    """``serve(answer)``: address of a server that says ``answer`` to each request, and then nothing more."""
    servers: list[socket.socket] = []
    connections: list[socket.socket] = []

    def start(answer: bytes, seen: list[bytes] | None = None) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.append(connection)
                request = connection.recv(65_536)
                if seen is not None:
                    seen.append(request)
                connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/"

    yield start
    for server in servers:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
    for connection in connections:
        connection.close()


@pytest.fixture
def full() -> Iterator[str]:
    """Address of a server whose queue is full: whoever connects to it waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as waiting:
        for _ in range(16):
            caller = waiting.enter_context(socket.socket())
            caller.settimeout(TIMEOUT_S)
            try:
                caller.connect(server.getsockname())
            except TimeoutError:
                break
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_time_outs_while_the_connection_is_made_show_as_what_they_are(fetch, full):
    """I4: a library may cancel its own work when its time is up: the row tells the time-out, as the library does."""
    with Recorder() as recorder, hopline.span("work"):
        with pytest.raises(Exception, match=r".*"):
            fetch(full, timeout=TIMEOUT_S)
        row = recorder.one(kind="client")
    assert row.error_type != "CancelledError"
    assert "time" in f"{row.error_type} {row.error_text}".lower()


def test_a_call_given_up_while_the_connection_is_made_is_cancelled(install, full):
    """I4: what the application gives up itself is no time-out of the library."""
    install("aiohttp")

    async def main():
        async with aiohttp.ClientSession() as session:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(session.get(full), TIMEOUT_S)

    with Recorder() as recorder, hopline.span("work"):
        asyncio.run(main())
        assert recorder.one(kind="client").error_type == "CancelledError"


@pytest.mark.parametrize("answer", [b"", HEAD + b"only this"], ids=["waiting", "reading the body"])
def test_time_outs_fail_the_row(fetch, serve, answer):
    """I4: a time-out is a failure, while waiting for the answer as well as in the middle of its body."""
    with Recorder() as recorder, hopline.span("work"):
        with pytest.raises(Exception, match=r".*"):
            fetch(serve(answer), timeout=TIMEOUT_S)
        row = recorder.one(kind="client")
    assert row.error
    assert row.error_type not in {"", "CancelledError"}
    if "http.response.status_code" in row.tags:  # a library may hand the answer over with its whole body only
        assert answer


@pytest.mark.parametrize("answer", [b"", HEAD + b"only this"], ids=["waiting", "reading the body"])
@pytest.mark.parametrize("library", ["httpx", "aiohttp"])
def test_calls_given_up_fail_the_row(library, install, serve, answer):
    """I4: asyncio.wait_for around a call: it got no answer, which is a failure."""
    install(library)

    async def get(url):
        if library == "httpx":
            async with httpx.AsyncClient() as client:
                await client.get(url)
        else:
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                await response.read()

    seen: list[bytes] = []

    async def main():
        call = asyncio.create_task(get(serve(answer, seen)))
        await asyncio.to_thread(wait_until, lambda: seen, what="the request")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, TIMEOUT_S)

    with Recorder() as recorder, hopline.span("work"):
        asyncio.run(main())
        assert recorder.one(kind="client").error_type == "CancelledError"


def test_trust_is_judged_by_the_target(fetch, serve):
    """P5: through a private proxy the user's id does not go to a stranger's host; the trace does."""
    seen: list[bytes] = []
    proxy = serve(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", seen)
    with Recorder() as recorder, hopline.span("work"):
        hopline.set_uid("u-4711")
        fetch("http://stranger.example.com/", proxy=proxy)
        row = recorder.one(kind="client")
    assert b"u-4711" not in seen[0]
    assert b"traceparent" in seen[0].lower()
    assert row.tags["server.address"] == "stranger.example.com"
