import asyncio
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, WebSocket
from starlette.responses import StreamingResponse

import hopline
from hopline import hooks
from hopline.hooks import http_client
from hopline.middleware.asgi import TraceMiddleware
from hopline.testing import Recorder

ORDERS_HTTP = "http://orders"


@pytest.fixture(autouse=True)
def hooked():
    hooks.install("httpx")
    yield
    hooks.uninstall("httpx")


def shop() -> FastAPI:
    app = FastAPI()
    app.add_middleware(TraceMiddleware)
    router = APIRouter(prefix="/v1")

    def user() -> None:
        hopline.set_uid("u1")

    @router.get("/items/{item}")
    def item(item: int, _: Annotated[None, Depends(user)]) -> int:
        with hopline.span("load"):
            return item

    @app.get("/fail")
    async def fail() -> None:
        raise ValueError("broken")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks():
            for n in range(3):
                with hopline.span(f"chunk {n}"):
                    yield b"x"

        return StreamingResponse(chunks())

    @app.get("/later")
    async def later(tasks: BackgroundTasks) -> str:
        def mail() -> None:
            with hopline.span("smtp"):
                pass

        tasks.add_task(mail)
        return "ok"

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    @app.get("/health")
    def health() -> str:
        return "ok"

    app.include_router(router, prefix="/api")
    sub = FastAPI()
    sub.get("/parts/{part}")(lambda part: part)
    app.mount("/tenants/{tenant}", sub)
    return app


def get(path: str, app: FastAPI | None = None, **options) -> httpx.Response:
    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app or shop(), raise_app_exceptions=options.pop("raising", True))
        async with httpx.AsyncClient(transport=transport, base_url=ORDERS_HTTP) as client:
            return await client.get(path, **options)

    return asyncio.run(main())


def test_client_and_server_rows_of_one_call(recorder):
    """I3, I4: a call is a client row and a server row with one path; work below the server row continues it."""
    with hopline.span("root"):
        answer = get("/api/v1/items/5?token=secret")
    client, server, load = recorder.one(kind="client"), recorder.one(kind="server"), recorder.one(name="load")
    assert (client.span_id, server.span_id, load.span_id) == ("0.1", "0.1", "0.1.1")
    assert server.parent_id == client.id
    assert server.name == "GET /api/v1/items/{item}"
    assert server.tags["http.response.status_code"] == "200"
    assert (server.caller_service, server.caller_name, server.uid) == ("shop", "root", "u1")
    assert (client.name, client.peer, client.peer_kind) == ("GET", "shop", "service")
    assert client.attrs == {"url.full": "http://orders/api/v1/items/5"}
    assert answer.headers["hopline-trace-id"] == client.trace_id
    assert answer.headers["hopline-service"] == "shop"


@pytest.mark.parametrize(
    ("headers", "peer", "kind"),
    [
        ({"hopline-service": "stock"}, "stock", "service"),
        ({}, "10.0.0.7:80", "external"),
        ({"hopline-service": ""}, "10.0.0.7:80", "external"),
    ],
)
def test_who_names_itself_is_a_service(recorder, headers: dict[str, str], peer: str, kind: str) -> None:
    """I4: the answer's own name makes the far end a service; an address stays what it was taken for."""
    with hopline.span("GET", kind="client", peer="10.0.0.7:80", peer_kind="external") as call:
        http_client.answered(call, 200, headers)
    row = recorder.one(kind="client")
    assert (row.peer, row.peer_kind) == (peer, kind)


def test_mounted_routes_keep_their_templates(recorder):
    """I3: the name is METHOD /route/{template} below mounts too, never the raw path."""
    get("/tenants/t1/parts/7")
    assert recorder.one(kind="server").name == "GET /tenants/{tenant}/parts/{part}"


def test_unknown_path_is_no_name(recorder):
    """I3: without a route the name is the method alone; 404 is an error of the client row only."""
    get("/random/123")
    server, client = recorder.one(kind="server"), recorder.one(kind="client")
    assert (server.name, server.error) == ("GET", False)
    assert (client.error, client.error_type) == (True, "404")


def test_unhandled_error(recorder):
    """I3: an unhandled error marks the row and goes on."""
    with pytest.raises(ValueError):
        get("/fail")
    server = recorder.one(kind="server")
    assert (server.name, server.error_type, server.error_text) == ("GET /fail", "ValueError", "broken")


def test_server_row_lasts_until_the_last_chunk(recorder):
    """I3: streaming included, the row ends with the last body chunk and the chunks nest under it."""
    assert get("/stream").text == "xxx"
    server = recorder.one(kind="server")
    chunks = [row for row in recorder.spans if row.name.startswith("chunk")]
    assert [row.parent_id for row in chunks] == [server.id] * 3
    assert server.start_us + server.duration_us >= chunks[-1].start_us + chunks[-1].duration_us


def test_background_tasks_get_a_row_of_their_own(recorder):
    """I3: a background task is a local row under the ended server row."""
    get("/later")
    server = recorder.one(kind="server")
    task = next(row for row in recorder.spans if row.name.startswith("background "))
    assert (task.kind, task.parent_id) == ("local", server.id)
    assert recorder.one(name="smtp").parent_id == task.id


def test_health_checks_leave_no_row(recorder):
    """I3: paths of the ignore list leave no server row."""
    get("/health")
    assert [row.kind for row in recorder.spans] == ["client"]


def test_middleware_twice_is_one_row(recorder):
    """I3: exactly one server row per request, however often the middleware is there."""
    app = shop()
    app.add_middleware(TraceMiddleware)
    get("/api/v1/items/5", app)
    assert recorder.one(kind="server").name == "GET /api/v1/items/{item}"


def test_websockets_and_lifespan_pass(recorder):
    """I3: scopes other than http reach the application untouched."""
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["type"], receive, send))

    async def main():
        for kind in ("websocket", "lifespan"):
            await TraceMiddleware(app)({"type": kind}, "receive", "send")

    asyncio.run(main())
    assert seen == [("websocket", "receive", "send"), ("lifespan", "receive", "send")]
    assert recorder.spans == []


def test_disconnect_is_marked(recorder):
    """I3: a client that goes away before the answer is marked."""

    async def app(scope, receive, send):
        await receive()

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        raise AssertionError("nothing is sent")

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(TraceMiddleware(app)(scope, receive, send))
    assert recorder.one(kind="server").error_type == "ClientDisconnect"


def test_stream_cut_by_the_client_is_marked(recorder):
    """I3: a client that goes away in the middle of a stream is marked; what was sent stays."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await receive()

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(TraceMiddleware(app)(scope, receive, send))
    row = recorder.one(kind="server")
    assert (row.error_type, row.tags["http.response.status_code"]) == ("ClientDisconnect", "200")


def test_hostile_headers_never_fail_a_request(recorder):
    """P3, I10: malformed trace headers start a fresh trace and are counted."""
    answer = get("/api/v1/items/1", headers={"traceparent": "00-zz", "tracestate": "hop=;;;", "baggage": "=;=,,"})
    assert answer.status_code == 200


def test_errors_of_the_transport(recorder):
    """I4: a failing transport marks the client row; the same request sent again has attempt 1."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    transport = httpx.MockTransport(handler)
    request = httpx.Request("GET", "http://stock/x")
    with hopline.span("root"):
        for _ in range(2):
            with pytest.raises(httpx.ConnectError):
                transport.handle_request(request)
    rows = [row for row in recorder.spans if row.kind == "client"]
    assert [(row.error_type, row.attempt, row.span_id) for row in rows] == [
        ("ConnectError", 0, "0.1"),
        ("ConnectError", 1, "0.2"),
    ]


def test_call_inside_a_call_is_suppressed(recorder):
    """M4: an HTTP call inside a client row is no second row, and carries the row's own headers."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, text="ok")

    with (
        hopline.span("root"),
        hopline.span("charge", kind="client", peer="payments") as row,
        httpx.Client(transport=httpx.MockTransport(handler)) as client,
    ):
        client.get("http://payments/charge")
    assert seen[0].headers["traceparent"].split("-")[2] == row.id
    assert [r.name for r in recorder.spans] == ["root", "charge"]


def test_baggage_stays_with_trusted_hosts(recorder):
    """P5: baggage leaves only to trusted hosts, traceparent to all."""
    seen: dict[str, httpx.Headers] = {}

    def handler(request: httpx.Request) -> httpx.Response:
        seen[request.url.host] = request.headers
        return httpx.Response(200)

    with hopline.span("root"), httpx.Client(transport=httpx.MockTransport(handler)) as client:
        hopline.set_uid("u1")
        for host in ("stock", "10.0.0.7", "127.0.0.1", "a.svc", "example.com", "8.8.8.8"):
            client.get(f"http://{host}/")
    assert {host for host, headers in seen.items() if "baggage" in headers} == {
        "stock",
        "10.0.0.7",
        "127.0.0.1",
        "a.svc",
    }
    assert all("traceparent" in headers for headers in seen.values())


def test_install_is_idempotent_and_uninstall_restores():
    """I4: hooks are idempotent and uninstall to the originals."""
    hooks.install("httpx")
    hooks.uninstall("httpx")
    original = httpx.HTTPTransport.handle_request
    assert original.__module__ == "httpx._transports.default"
    hooks.install("httpx")
    hooks.install("httpx")
    assert httpx.HTTPTransport.handle_request is not original
    hooks.uninstall("httpx")
    assert httpx.HTTPTransport.handle_request is original


def test_disabled_tracing_leaves_no_trace():
    """I10: the kill switch: no rows, no headers, requests as before."""
    with Recorder() as recorder:
        with hopline.span("running"):
            hopline.disable()
            assert hopline.inject({}) == {}
        recorder.clear()
        answer = get("/api/v1/items/3")
        assert answer.json() == 3
        assert "hopline-trace-id" not in answer.headers
        hopline.enable()
        get("/api/v1/items/3")
        assert [row.kind for row in recorder.spans if row.name != "load"] == ["client", "server"]


def test_a_far_end_that_names_nobody_has_no_kind(recorder):
    """D1: its address may be one of ours that failed to answer, so it is called neither service nor external."""
    call = http_client.start("GET", "http://10.0.0.7:8080/x", "10.0.0.7", 8080)
    with call:
        http_client.answered(call, 200, {})
    row = recorder.one(kind="client")
    assert (row.peer, row.peer_kind) == ("10.0.0.7:8080", "")
