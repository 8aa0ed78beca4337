"""The library websockets: handshakes of both sides, sync and asyncio."""

import asyncio
import threading

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_sync
from websockets.sync.server import serve as serve_sync

import hopline
from support.waiting import wait_until


@pytest.fixture(autouse=True)
def _hook(install):
    install("websockets")


def both(recorder):
    """The rows of a handshake, once both sides have theirs."""
    wait_until(lambda: {row.kind for row in recorder.spans} >= {"client", "server"}, what="both rows")
    return recorder.one(kind="client"), recorder.one(kind="server")


def test_handshakes_of_asyncio(recorder):
    """I3, I4: a handshake is a row on each side with one path; messages belong to no request."""
    during = []

    async def talk(connection):
        async for message in connection:
            during.append(hopline.current_span().id)
            await connection.send(message.upper())

    async def main():
        async with serve(talk, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with hopline.span("work"):
                async with connect(f"ws://127.0.0.1:{port}/rooms/7?key=s3cret") as connection:
                    await connection.send("one")
                    assert await connection.recv() == "ONE"

    asyncio.run(main())
    client, server = both(recorder)
    assert (client.span_id, server.span_id, server.parent_id) == ("0.1", "0.1", client.id)
    assert client.tags["http.response.status_code"] == server.tags["http.response.status_code"] == "101"
    assert server.attrs["url.path"] == "/rooms/7"
    assert "s3cret" not in repr(recorder.spans)
    assert during == [""]


def test_handshakes_of_threads(recorder):
    """I3, I4: the synchronous classes likewise; headers of the application's own stay."""
    seen = []

    def talk(connection):
        seen.append(connection.request.headers["X-Own"])
        connection.send(connection.recv().upper())

    with serve_sync(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        url = f"ws://127.0.0.1:{port}/"
        with hopline.span("work"), connect_sync(url, additional_headers={"X-Own": "1"}) as connection:
            connection.send("one")
            assert connection.recv() == "ONE"
        server.shutdown()
        thread.join()
    client, server_row = both(recorder)
    assert (server_row.parent_id, server_row.error, client.error) == (client.id, False, False)
    assert seen == ["1"]


def test_a_refusal_fails_the_callers_row(recorder):
    """I4: a handshake that is refused is a failed call, and no failure of the server."""

    async def main():
        async with serve(lambda _: None, "127.0.0.1", 0, process_request=lambda c, _: c.respond(403, "no")) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(InvalidStatus):
                async with connect(f"ws://127.0.0.1:{port}/"):
                    pass

    asyncio.run(main())
    client, server = both(recorder)
    assert (client.error_type, server.error) == ("InvalidStatus", False)
    assert server.tags["http.response.status_code"] == "403"
