"""Work of every shape that a program has: the tree is right in each."""

import asyncio
import contextlib
import gc
import threading

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, WebSocket
from serving import serve
from starlette.responses import StreamingResponse

import hopline
from hopline.context import Active
from hopline.middleware.asgi import TraceMiddleware
from support.waiting import wait_until


def outline(recorder):
    return recorder.tree().splitlines()


def paths(recorder, **fields):
    return [row.span_id for row in recorder.spans if all(getattr(row, key) == value for key, value in fields.items())]


def test_recursion_100_deep(recorder):
    """M2, M7: 100 levels are two chains without a gap: 80 of one trace, 20 of the one that continues it."""

    @hopline.trace
    def descend(level):
        return descend(level - 1) if level else current_depth()

    def current_depth():
        return hopline.current_span().span_id.count(".") + 1

    assert descend(99) == 20
    assert paths(recorder) == ["0" + ".1" * n for n in range(80)] + ["0" + ".1" * n for n in range(20)]
    first, second = dict.fromkeys(row.trace_id for row in recorder.spans)
    last = recorder.one(trace_id=first, span_id="0" + ".1" * 79)
    assert recorder.one(trace_id=second, span_id="0").links == [(first, last.id, "local")]


def test_nested_spans_of_one_name(recorder):
    """M2: spans of one name inside and beside each other are told apart."""
    with hopline.span("step"):
        with hopline.span("step"), hopline.span("step"):
            pass
        with hopline.span("step"):
            pass
    rows = {row.span_id: row for row in recorder.spans}
    assert list(rows) == ["0", "0.1", "0.1.1", "0.2"]
    assert [rows[path].parent_id for path in ("0.1", "0.1.1", "0.2")] == [rows["0"].id, rows["0.1"].id, rows["0"].id]


def test_one_span_entered_by_many_threads_and_tasks(recorder):
    """M3: 64 threads and 1,000 tasks under one parent at the same time: 1..N once each, all children of it."""

    async def task():
        async with hopline.span("task"):
            await asyncio.sleep(0)

    async def tasks():
        await asyncio.gather(*(task() for _ in range(1_000)))

    with hopline.span("parent") as parent:

        def thread():
            with Active(parent):
                for _ in range(10):
                    with hopline.span("thread"):
                        pass

        threads = [threading.Thread(target=thread) for _ in range(64)]
        for one in threads:
            one.start()
        asyncio.run(tasks())
        for one in threads:
            one.join()
    children = [row for row in recorder.spans if row.name != "parent"]
    assert sorted(int(row.span_id.removeprefix("0.")) for row in children) == list(range(1, 1_641))
    assert {row.parent_id for row in children} == {parent.id}
    assert recorder.one(name="parent").children == 1_640


def test_generator_left_half_way(recorder):
    """I1: a generator that is dropped half-way closes its span quietly, and leaves its caller's span current."""

    @hopline.trace
    def numbers():
        for n in range(10):
            with hopline.span(f"item {n}"):
                yield n

    with hopline.span("reader") as reader:
        for n in numbers():
            if n == 1:
                break
        gc.collect()
        assert hopline.current_span() is reader
        with hopline.span("after"):
            pass
    rows = {row.span_id: (row.name.rpartition(".")[2], row.error) for row in recorder.spans}
    assert rows == {
        "0": ("reader", False),
        "0.1": ("numbers", False),
        "0.1.1": ("item 0", False),
        "0.1.2": ("item 1", False),
        "0.2": ("after", False),
    }


def test_async_generator_left_half_way(recorder):
    """I1: the same for an asynchronous generator that its caller closes."""

    @hopline.trace
    async def numbers():
        for n in range(10):
            async with hopline.span(f"item {n}"):
                yield n

    async def main():
        async with hopline.span("reader"):
            async with contextlib.aclosing(numbers()) as found:
                async for n in found:
                    if n == 1:
                        break
            async with hopline.span("after"):
                pass

    asyncio.run(main())
    assert [(row.span_id, row.error) for row in recorder.spans] == [
        (path, False) for path in ("0", "0.1", "0.1.1", "0.1.2", "0.2")
    ]


def test_cancelled_tasks(recorder):
    """I1: tasks that are cancelled in the middle close their spans without an error; the others go on."""

    @hopline.trace(name="wait")
    async def wait(forever):
        async with hopline.span("inner"):
            await (asyncio.Event().wait() if forever else asyncio.sleep(0))

    async def main():
        async with hopline.span("parent"):
            tasks = [asyncio.create_task(wait(n % 2 == 0)) for n in range(10)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 5
    assert not any(row.error for row in recorder.spans)
    assert sorted(paths(recorder, name="wait"), key=len) == sorted((f"0.{n}" for n in range(1, 11)), key=len)
    assert set(paths(recorder, name="inner")) == {f"0.{n}.1" for n in range(1, 11)}


def shop():
    app = FastAPI()
    app.add_middleware(TraceMiddleware)

    @app.get("/later")
    async def later(tasks: BackgroundTasks) -> str:
        def mail(number: int) -> None:
            with hopline.span(f"mail {number}"):
                pass

        for number in range(2):
            tasks.add_task(mail, number)
        return "ok"

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def chunks():
            n = 0
            while True:
                async with hopline.span(f"chunk {n}"):
                    yield b"x" * 65_536
                n += 1
                await asyncio.sleep(0)

        return StreamingResponse(chunks())

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        with hopline.span("talk"):
            async for text in socket.iter_text():
                with hopline.span(f"say {text}"):
                    await socket.send_text(text.upper())

    return app


def test_background_tasks_over_http(recorder):
    """I3: background tasks are local rows of their own after the answer, what they do below them."""
    with serve(shop()) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/later", timeout=60).status_code == 200
        wait_until(lambda: len(recorder.spans) == 5)
    assert [line.partition("<locals>.")[2] or line for line in outline(recorder)] == [
        "0 server shop GET /later",
        "later.<locals>.mail",
        "    0.1.1 local shop mail 0",
        "later.<locals>.mail",
        "    0.2.1 local shop mail 1",
    ]


def test_stream_cut_by_the_client_over_http(recorder):
    """I3: a client that leaves a stream half-way is marked on the server row, whose chunks stay below it."""
    with serve(shop()) as port:
        with httpx.stream("GET", f"http://127.0.0.1:{port}/endless") as answer:
            next(answer.iter_bytes())
        wait_until(lambda: paths(recorder, kind="server"))
    server = recorder.one(kind="server")
    assert (server.name, server.error_type, server.tags["http.response.status_code"]) == (
        "GET /endless",
        "ClientDisconnect",
        "200",
    )
    chunks = [row for row in recorder.spans if row.kind == "local"]
    assert {row.parent_id for row in chunks} == {server.id}
    assert sorted(int(row.span_id.removeprefix("0.")) for row in chunks) == list(range(1, len(chunks) + 1))


def test_websocket(recorder):
    """I3: a websocket's row is its handshake; what its handler does after it is a trace of its own."""
    said = []

    async def main():
        words = ["one", "two"]
        came = iter(
            [
                {"type": "websocket.connect"},
                *({"type": "websocket.receive", "text": word} for word in words),
                {"type": "websocket.disconnect", "code": 1000},
            ]
        )

        async def receive():
            return next(came)

        async def send(message):
            said.append(message.get("text"))

        scope = {"type": "websocket", "path": "/talk", "headers": [], "query_string": b"", "subprotocols": []}
        await shop()(scope, receive, send)

    asyncio.run(main())
    assert said == [None, "ONE", "TWO"]
    assert outline(recorder) == [
        "0 server shop GET /talk",
        "0 local shop talk",
        "  0.1 local shop say one",
        "  0.2 local shop say two",
    ]


class Stubborn:
    """Says nothing about itself."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    "value", [None, 7, 1.5, b"\xff\x00", ["a"], {"k": 1}, Stubborn(), "\ud800", "x" * 1_000_000, float("nan"), Ellipsis]
)
def test_values_of_any_kind(recorder, value):
    """I10: whatever is given as a name, tag, note, user or baggage, the work goes on and the row is stored."""
    with hopline.span("root"), hopline.span(value, tags={"tag": value}) as row:
        row.tag("later", value)
        row.attr("url.full", value)
        row.annotate("note", value)
        row.set_uid(value)
        hopline.put("key", value)
        hopline.put_once("once", value)
        hopline.inject({})
        row.fail(value, value)
    rows = recorder.spans
    assert [row.span_id for row in rows] == ["0", "0.1"]
    assert all(isinstance(text, str) for row in rows for text in (row.name, row.uid, *row.tags.values()))


def test_a_user_with_line_breaks_stays_in_his_header(recorder):
    """P4: line breaks in a uid reach neither a header nor a row."""
    with hopline.span("root"):
        hopline.set_uid("a\r\nx-evil: 1\r\n\r\nb")
        headers = hopline.inject({})
    assert headers["baggage"] == "uid=ax-evil%3A%201b"
    assert recorder.one(name="root").uid == "ax-evil: 1b"


def test_names_of_10_kb(recorder):
    """I8: names, keys and users of 10 kB are cut and marked; the callee's header stays within its bounds."""
    with hopline.span("n" * 10_000, tags={"k" * 10_000: "v"}) as row:
        hopline.set_uid("u" * 10_000)
        headers = hopline.inject({})
        assert row.recording
    assert len(headers["tracestate"]) <= 256 + len("hop=")
    assert len(headers.get("baggage", "")) <= 1_024
    (stored,) = recorder.spans
    assert "hopline.cut" in stored.tags
    assert len(stored.name) < 10_000
    assert len(stored.uid) <= 256
