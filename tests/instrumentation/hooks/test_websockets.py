"""Websockets: one row for the handshake, one a message by setting, never the whole connection."""

import warnings

import pytest
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

import hopline
from hopline.middleware.asgi import TraceMiddleware
from hopline.testing import Recorder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have another HTTP client, which plays no part here
    from starlette.testclient import TestClient


@pytest.fixture
def client():
    app = FastAPI()
    app.add_middleware(TraceMiddleware)

    @app.websocket("/rooms/{room}")
    async def talk(socket: WebSocket, room: str):
        if room == "closed":
            await socket.close()
            return
        with hopline.span("check room"):
            await socket.accept()
        try:
            while True:
                text = await socket.receive_text()
                with hopline.span("answer"):
                    await socket.send_text(text.upper())
        except WebSocketDisconnect:
            pass

    return TestClient(app)


def talk(client):
    with client.websocket_connect("/rooms/7") as socket:
        for word in ("one", "two"):
            socket.send_text(word)
            assert socket.receive_text() == word.upper()
            yield


def test_the_handshake_is_the_row(client):
    """I3: the row of a websocket is its handshake, over before the first message; it takes the caller's context."""
    with Recorder() as recorder:
        conversation = talk(client)
        next(conversation)
        row = recorder.one(kind="server")
        list(conversation)
        assert [one.id for one in recorder.spans if one.kind == "server"] == [row.id]
    assert (row.name, row.tags["http.response.status_code"], row.error) == ("GET /rooms/{room}", "101", False)
    assert recorder.one(name="check room").parent_id == row.id


def test_messages_are_no_part_of_the_handshake(client):
    """I3: what a message causes is no child of the handshake, which has ended."""
    with Recorder() as recorder:
        list(talk(client))
        answers = [row for row in recorder.spans if row.name == "answer"]
    assert [row.parent_id for row in answers] == [None, None]


def test_a_row_a_message_by_setting(client):
    """I3: HOPLINE_WEBSOCKET_MESSAGES: each message's handling is a trace of its own that links to the handshake."""
    with Recorder(websocket_messages=True) as recorder:
        list(talk(client))
        handshake = recorder.one(kind="server")
        messages = [row for row in recorder.spans if row.name == "message /rooms/{room}"]
        answers = [row for row in recorder.spans if row.name == "answer"]
    assert [row.links[0] for row in messages] == [(handshake.trace_id, handshake.id, "server")] * 2
    assert [row.parent_id for row in answers] == [row.id for row in messages]


def test_refused(client):
    """I3: a handshake that the application refuses is answered by 403; that is the caller's error."""
    with Recorder() as recorder:
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/rooms/closed"):
            pass
        row = recorder.one(kind="server")
    assert (row.tags["http.response.status_code"], row.error) == ("403", False)


def test_unsampled_connections_stay_so(client):
    """I7: nothing of a connection is recorded whose handshake is not."""
    with Recorder(sample=0) as recorder:
        list(talk(client))
        assert recorder.spans == []
