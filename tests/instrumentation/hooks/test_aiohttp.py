"""aiohttp, client and server."""

import asyncio
import contextlib

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import hopline
from hopline.middleware.aiohttp import trace_application
from support.waiting import wait_until

PARENT = "00-6921c0de0123456789abcdef01234567-00f067aa0ba902b7-01"
STATE = "hop=00f067aa0ba902b7;0.3;1000;gateway;z1;h1:8001;GET%20/"


def clients(recorder):
    return [row for row in recorder.spans if row.kind == "client"]


class TestClient:
    @pytest.fixture(autouse=True)
    def _hook(self, install):
        install("aiohttp")

    def fetch(self, *urls, **options):
        """The bodies of `urls`, all fetched under the span "work"."""

        async def work():
            async with aiohttp.ClientSession(**options) as session, hopline.span("work"):
                bodies = []
                for url in urls:
                    async with session.get(url) as answer:
                        bodies.append(await answer.read())
                return bodies

        return asyncio.run(work())

    def test_call_and_callee_share_a_path(self, recorder, backend):
        """I4: a call makes one client row named by its method, and the callee's row has its path."""
        self.fetch(f"{backend.url}/ok?secret=1")
        client, server = recorder.one(kind="client"), recorder.one(kind="server")
        assert (client.span_id, server.span_id, server.parent_id) == ("0.1", "0.1", client.id)
        assert (client.name, client.peer) == ("GET", "shop")
        assert client.attrs["url.full"] == f"{backend.url}/ok"
        assert client.tags["http.response.status_code"] == "200"

    def test_redirect_is_a_second_call(self, recorder, backend):
        """I4: each hop of a redirect is a row, and a first attempt."""
        self.fetch(f"{backend.url}/redirect")
        rows = [(row.span_id, row.tags["http.response.status_code"], row.attempt) for row in clients(recorder)]
        assert rows == [("0.1", "302", 0), ("0.2", "200", 0)]
        servers = {row.parent_id for row in recorder.spans if row.kind == "server"}
        assert servers == {row.id for row in clients(recorder)}

    def test_retries_of_a_middleware_are_rows(self, recorder, backend):
        """I4: each retry is a row of its own, numbered by attempt."""

        async def retry(request, handler):
            while (answer := await handler(request)).status == 503:
                answer.release()
            return answer

        backend.failures = 2
        self.fetch(f"{backend.url}/flaky", middlewares=(retry,))
        rows = [(row.span_id, row.attempt, row.error_type) for row in clients(recorder)]
        assert rows == [("0.1", 0, "503"), ("0.2", 1, "503"), ("0.3", 2, "")]

    def test_row_ends_with_the_body(self, recorder, backend):
        """I4: the row is open until the body has been read, or is given up."""

        async def work():
            async with aiohttp.ClientSession() as session, hopline.span("work"):
                answer = await session.get(f"{backend.url}/stream")
                await answer.read()
                read = len(clients(recorder))
                async with session.get(f"{backend.url}/stream"):
                    pass
                return read

        assert asyncio.run(work()) == 1
        assert [row.error for row in clients(recorder)] == [False, False]

    def test_body_cut_short_fails_the_row(self, recorder, backend):
        """I4: an answer that ends too early is an error of the client row."""
        with pytest.raises(aiohttp.ClientPayloadError):
            self.fetch(f"{backend.url}/cut")
        assert recorder.one(kind="client").error_type == "ClientPayloadError"

    def test_refused_connection_is_raised_unchanged(self, recorder, closed_port):
        """I10: the application gets aiohttp's own error."""
        with pytest.raises(aiohttp.ClientConnectorError):
            self.fetch(f"http://127.0.0.1:{closed_port}/")
        assert recorder.one(kind="client").error_type == "ClientConnectorError"

    def test_redirects_without_end(self, recorder):
        """I4, I10: each hop of a loop is a row; the application gets aiohttp's own error."""

        async def work():
            app = web.Application()

            async def away(request):
                raise web.HTTPFound("/")

            app.router.add_get("/", away)
            async with TestServer(app) as server, aiohttp.ClientSession() as session, hopline.span("work"):
                with pytest.raises(aiohttp.TooManyRedirects):
                    await session.get(server.make_url("/"), max_redirects=3)

        asyncio.run(work())
        rows = [(row.span_id, row.attempt, row.tags["http.response.status_code"]) for row in clients(recorder)]
        assert rows == [(f"0.{n}", 0, "302") for n in range(1, 4)]

    def test_kept_connection_that_the_server_has_closed(self, recorder):
        """I4: aiohttp tries an idempotent request again on a new connection: the failed attempt is a row too."""

        async def work():
            served = []

            async def serve(reader, writer):
                served.append(writer)
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
                if len(served) == 1:
                    with contextlib.suppress(asyncio.IncompleteReadError):
                        await reader.readuntil(b"\r\n\r\n")  # the next request, which gets no answer
                writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            async with server, aiohttp.ClientSession() as session, hopline.span("work"):
                for _ in range(2):
                    async with session.get(url) as answer:
                        assert await answer.text() == "ok"

        asyncio.run(work())
        rows = [(row.span_id, row.attempt, row.error_type) for row in clients(recorder)]
        assert rows == [("0.1", 0, ""), ("0.2", 0, "ServerDisconnectedError"), ("0.3", 1, "")]

    def test_given_up_while_waiting_and_while_reading(self, recorder):
        """I1, I4: a request that its task gives up has failed, for it got no answer."""

        async def work():
            app = web.Application()

            async def never(request):
                await asyncio.Event().wait()

            async def endless(request):
                response = web.StreamResponse()
                await response.prepare(request)
                await response.write(b"x")
                await asyncio.Event().wait()

            app.router.add_get("/never", never)
            app.router.add_get("/endless", endless)
            async with TestServer(app) as server, aiohttp.ClientSession() as session, hopline.span("work"):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await session.get(server.make_url("/never"))
                with pytest.raises(TimeoutError):
                    async with session.get(server.make_url("/endless")) as answer, asyncio.timeout(0.1):
                        await answer.read()

        asyncio.run(work())
        rows = [(row.span_id, row.error_type, row.tags.get("http.response.status_code")) for row in clients(recorder)]
        assert rows == [("0.1", "CancelledError", None), ("0.2", "CancelledError", "200")]

    def test_time_out_of_the_session(self, recorder):
        """I4, I10: aiohttp's own time-out is an error of the row."""

        async def work():
            app = web.Application()

            async def never(request):
                await asyncio.Event().wait()

            async def soon(request):
                return web.Response()

            app.router.add_get("/", never)
            app.router.add_get("/soon", soon)
            limit = aiohttp.ClientTimeout(total=0.1)
            async with TestServer(app) as server, aiohttp.ClientSession(timeout=limit) as session:
                # The connection is made before, so that the time runs out while the answer is awaited.
                async with session.get(server.make_url("/soon"), timeout=aiohttp.ClientTimeout()) as answer:
                    await answer.read()
                with hopline.span("work"), pytest.raises(TimeoutError):
                    await session.get(server.make_url("/"))

        asyncio.run(work())
        assert recorder.one(kind="client", span_id="0.1").error_type == "TimeoutError"

    def test_stream_read_in_pieces(self, recorder, backend):
        """I4: a body that is read in pieces ends its row with the last of them; work between them is beside it."""

        async def work():
            async with aiohttp.ClientSession() as session, hopline.span("work"):
                async with session.get(f"{backend.url}/stream") as answer:
                    pieces = []
                    async for piece in answer.content.iter_any():
                        async with hopline.span("piece"):
                            pieces.append(piece)
                return b"".join(pieces)

        assert asyncio.run(work()) == b"onetwo"
        assert recorder.one(kind="client").span_id == "0.1"
        assert {row.parent_id for row in recorder.spans if row.name == "piece"} == {recorder.one(name="work").id}

    def test_websocket(self, recorder, install):
        """I4: a websocket's row is its handshake."""

        async def talk(request):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(message.data)
            return socket

        async def work():
            app = web.Application()
            app.router.add_get("/talk", talk)
            async with TestServer(app) as server, aiohttp.ClientSession() as session:
                socket = await session.ws_connect(server.make_url("/talk"))
                await socket.send_str("hello")
                assert (await socket.receive()).data == "hello"
                await socket.close()
                return len(clients(recorder))

        assert asyncio.run(work()) == 1
        assert recorder.one(kind="client").tags["http.response.status_code"] == "101"

    def test_many_tasks(self, recorder, backend):
        """M3: calls of concurrent tasks are numbered without gap or repeat."""

        async def work():
            async with aiohttp.ClientSession() as session, hopline.span("work"):

                async def one():
                    async with session.get(f"{backend.url}/ok") as answer:
                        await answer.read()

                await asyncio.gather(*(one() for _ in range(30)))

        asyncio.run(work())
        assert {row.span_id for row in clients(recorder)} == {f"0.{number}" for number in range(1, 31)}

    def test_uninstall_restores_the_original(self):
        """I4: uninstall brings the originals back."""
        hopline.install("aiohttp")
        patched = aiohttp.ClientSession._request
        hopline.uninstall("aiohttp")
        assert aiohttp.ClientSession._request is patched.__wrapped__


class TestServerSide:
    @pytest.fixture(params=["hook", "by hand"])
    def app(self, request, install):
        if request.param == "hook":
            install("aiohttp_server")
        app, orders = web.Application(), web.Application()

        async def order(request):
            with hopline.span("look up"):
                hopline.set_uid("u-7")
            return web.json_response({"number": request.match_info["number"]})

        async def broken(request):
            raise ZeroDivisionError("no stock")

        async def gone(request):
            raise web.HTTPGone

        async def stream(request):
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"one")
            await response.write_eof(b"two")
            return response

        orders.router.add_get("/{number:\\d+}", order)
        app.add_subapp("/orders", orders)
        app.router.add_get("/broken", broken)
        app.router.add_get("/gone", gone)
        app.router.add_get("/stream", stream)
        if request.param == "by hand":
            trace_application(app)
            trace_application(app)
        return app

    def get(self, app, path, **headers):
        async def work():
            async with TestServer(app) as server, aiohttp.ClientSession() as session:
                answer = await session.get(server.make_url(path), headers=headers)
                await answer.read()
                return answer

        return asyncio.run(work())

    def test_row_is_named_by_the_route(self, recorder, app):
        """I3: one server row, METHOD and route template, sub-applications included; the uid is on it."""
        answer = self.get(app, "/orders/7", traceparent=PARENT, tracestate=STATE)
        row = recorder.one(kind="server")
        assert (row.name, row.span_id, row.caller_service) == ("GET /orders/{number}", "0.3", "gateway")
        assert row.uid == "u-7"
        assert recorder.one(name="look up").span_id == "0.3.1"
        assert answer.headers["hopline-trace-id"] == row.trace_id
        assert answer.headers["hopline-service"] == "shop"

    def test_unknown_path_is_named_by_the_method(self, recorder, app):
        """I3: never the raw path, and 404 is no error of a server row."""
        assert self.get(app, "/secret/4711").status == 404
        row = recorder.one(kind="server")
        assert (row.name, row.error, row.tags["http.response.status_code"]) == ("GET", False, "404")

    def test_unhandled_error_is_named(self, recorder, app):
        """I3: aiohttp answers 500 itself; the row says which error it was."""
        assert self.get(app, "/broken").status == 500
        assert recorder.one(kind="server").error_type == "ZeroDivisionError"

    def test_raised_answers_are_answers(self, recorder, app):
        """I3: an exception that is an answer does not fail the row."""
        assert self.get(app, "/gone").status == 410
        assert not recorder.one(kind="server").error

    def test_streamed_answers_carry_the_trace_id(self, recorder, app):
        """I3: the headers of a stream, sent by the handler itself, carry the trace id too."""
        answer = self.get(app, "/stream")
        assert answer.headers["hopline-trace-id"] == recorder.one(kind="server").trace_id

    def test_cancelled_handler_is_a_disconnect(self, recorder):
        """I3: a client that goes away is marked where the server cancels its handlers."""
        started = asyncio.Event()

        async def slow(request):
            started.set()
            await asyncio.Event().wait()

        async def work():
            app = web.Application()
            app.router.add_get("/slow", slow)
            trace_application(app)
            runner = web.AppRunner(app, handler_cancellation=True)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            address = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/slow"
            async with aiohttp.ClientSession() as session:
                call = asyncio.create_task(session.get(address))
                await started.wait()
                call.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await call
            await asyncio.to_thread(wait_until, lambda: recorder.spans)
            await runner.cleanup()

        asyncio.run(work())
        assert recorder.one(kind="server").error_type == "ClientDisconnect"

    def test_uninstall_restores_the_original(self):
        """I4: uninstall brings the original back."""
        hopline.install("aiohttp_server")
        patched = web.Application.__init__
        hopline.uninstall("aiohttp_server")
        assert web.Application.__init__ is patched.__wrapped__


def test_a_websockets_row_is_its_handshake(recorder):
    """I3: the row of a websocket is over before its first message; what its messages do belongs to no request."""
    during = []

    async def talk(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            during.append((hopline.current_span().id, [row.name for row in recorder.spans if row.kind == "server"]))
            await socket.send_str(message.data.upper())
        return socket

    async def main():
        app = web.Application()
        app.router.add_get("/rooms/{room}", talk)
        trace_application(app)
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession() as session,
            session.ws_connect(server.make_url("/rooms/7")) as socket,
        ):
            await socket.send_str("one")
            assert await socket.receive_str() == "ONE"

    asyncio.run(main())
    assert during == [("", ["GET /rooms/{room}"])]
    row = recorder.one(kind="server")
    assert (row.tags["http.response.status_code"], row.error) == ("101", False)
