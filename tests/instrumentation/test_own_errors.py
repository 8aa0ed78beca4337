"""I10: an error inside our own code is ours alone."""

import asyncio
import logging

import httpx
import pytest
from fastapi import FastAPI

import hopline
from hopline import hooks
from hopline.middleware.asgi import TraceMiddleware


def boom(*args, **kwargs):
    raise RuntimeError("a bug of ours")


def request_of(app) -> httpx.Response:
    async def main() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return await client.get("/items/1")

    return asyncio.run(main())


@pytest.fixture
def app():
    app = FastAPI()
    app.add_middleware(TraceMiddleware)

    @app.get("/items/{item}")
    async def item(item: int) -> int:
        with hopline.span("inner", tags={"n": item}) as row:
            row.annotate("note", item)
        return item

    hooks.install("httpx")
    yield app
    hooks.uninstall("httpx")


@pytest.mark.parametrize(
    "place",
    [
        "hopline.tracer.new_trace_id",
        "hopline.tracer.random_bits",
        "hopline.tracer.Entry",
        "hopline.tracer.Span",
        "hopline.tracer.inbound.extract",
        "hopline.propagation.inbound.collect",
        "hopline.propagation.tracestate.write",
        "hopline.propagation.tracestate.parse",
        "hopline.propagation.traceparent.parse",
        "hopline.middleware.asgi.template",
        "hopline.hooks.http_client.bare_url",
        "hopline.report.Reporter.admit",
        "hopline.report.Reporter._start",
        "hopline.limits.Limits.apply",
        "hopline.rows.to_row",
        "hopline.transports.memory.to_row",
    ],
)
def test_requests_succeed_whatever_breaks(recorder, app, monkeypatch, place):
    """I10: whichever of our own functions breaks, the request succeeds."""
    monkeypatch.setattr(logging.getLogger("hopline"), "disabled", False)
    monkeypatch.setattr(place, boom)
    answer = request_of(app)
    assert (answer.status_code, answer.json()) == (200, 1)
    monkeypatch.undo()
    assert request_of(app).status_code == 200


def test_what_broke_is_counted(recorder, app, monkeypatch):
    """I10: a counter rises, and one warning is said."""
    monkeypatch.setattr("hopline.tracer.random_bits", boom)
    request_of(app)
    assert recorder.counters()["events"]["client_errors"] > 0


@pytest.mark.parametrize("arguments", [{"tags": 7}, {"tags": ["a"]}, {"kind": "sideways"}, {"peer": 5}])
def test_wrong_arguments(recorder, arguments):
    """I10: wrong arguments cost a row at most, never the work."""
    with hopline.span("root"), hopline.span("child", **arguments):
        done = True
    assert done
    assert recorder.one(name="root").kind == "local"


def test_rare_fields_of_wrong_types_cost_themselves_only(recorder):
    """I10: links, peers, errors and attempts that no wire takes never cost the rows around them."""
    from hopline import wire

    with hopline.span("good"), hopline.span("odd", kind="client") as odd:
        odd.link("not hex", "x", "client")
        odd.link("a" * 32, "b" * 16, "client")
        odd.peer, odd.peer_kind = 7, None  # type: ignore[assignment]
        odd.fail(ValueError, 5)  # type: ignore[arg-type]
        odd.set_attempt(-1)
    row = recorder.one(name="odd")
    assert row.links == [("a" * 32, "b" * 16, "client")]
    assert (row.peer, row.error_text, row.attempt, row.tags["hopline.cut"]) == ("7", "5", 0, "1")
    assert wire.encode({}, [wire.pack(odd)])


def test_names_that_are_no_text(recorder):
    """I10: a name of any type is stored as text."""
    with hopline.span(7), hopline.span(None):  # type: ignore[arg-type]
        pass
    assert [row.name for row in recorder.spans] == ["7", "None"]
