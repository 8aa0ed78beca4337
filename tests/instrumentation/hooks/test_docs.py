"""What docs/instrument.md and docs/logging.md say, run and looked at."""

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests
from aiohttp.test_utils import TestServer

import hopline
from hopline.hooks import HOOKS
from hopline.testing import Recorder

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def run(page):
    """The names that the page's snippets define, run one after the other."""
    space = {"__name__": "snippet"}
    for block in BLOCK.findall((DOCS / page).read_text()):
        exec(compile(block, page, "exec"), space)
    return space


@pytest.fixture(scope="module")
def instrument():
    space = run("instrument.md")
    yield space
    hopline.uninstall()
    hopline.shutdown(0)


def test_flask_snippet(instrument):
    """O4: the Flask application of the page is traced."""
    with Recorder() as recorder:
        assert instrument["flask_app"].test_client().get("/orders/7", buffered=True).json == {"number": 7}
        assert recorder.one(kind="server").name == "GET /orders/{number}"


def test_fastapi_snippet(instrument):
    """O4: the FastAPI application of the page is traced."""

    async def get():
        transport = httpx.ASGITransport(instrument["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return (await client.get("/orders/7")).json()

    with Recorder() as recorder:
        assert asyncio.run(get()) == {"number": 7}
        row = recorder.one(kind="server")
        assert (row.name, row.uid) == ("GET /orders/{number}", "u-4711")


def test_aiohttp_snippet(instrument):
    """O4: the aiohttp application of the page is traced."""

    async def get():
        async with TestServer(instrument["web_app"]) as server, aiohttp.ClientSession() as session:
            return await (await session.get(server.make_url("/stock/apple"))).json()

    with Recorder() as recorder:
        assert asyncio.run(get()) == {"item": "apple"}
        assert recorder.one(kind="server").name == "GET /stock/{item}"


def test_grpc_snippets(instrument):
    """O4: server and channel of the page are traced, one path on both sides."""
    with Recorder() as recorder:
        server = instrument["grpc_server"]()
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        assert instrument["grpc_stock"](f"127.0.0.1:{port}", b"apple") == b"APPLE"
        server.stop(None).wait()
        rows = {row.kind: (row.name, row.span_id) for row in recorder.spans}
        assert rows == {"client": ("shop.Stock/Get", "0"), "server": ("shop.Stock/Get", "0")}


def test_client_snippets(instrument, backend):
    """O4: each HTTP client of the page makes client rows."""
    with Recorder() as recorder:
        assert all(asyncio.run(instrument["prices"](backend.url)))
        assert instrument["price_list"](backend.url)
        assert [row.name for row in recorder.spans if row.kind == "client"] == ["GET"] * 3


def test_database_snippets(instrument, redis_port):
    """O4: statements and commands of the page are rows."""
    with Recorder() as recorder:
        assert instrument["open_orders"]() == 7
        assert instrument["cached"](redis_port, "a") == b"1"
        assert [(row.name, row.peer_kind) for row in recorder.spans] == [
            ("SELECT", "db"),
            ("SET", "cache"),
            ("GET", "cache"),
        ]


def test_queue_and_pool_snippets(instrument):
    """O4: a task is a producer row; what a pool runs continues the trace."""
    with Recorder() as recorder, ThreadPoolExecutor(1) as pool:
        assert instrument["order_placed"](7).id
        assert instrument["checksums"](pool, [b"\x01", b"\x02\x03"]) == [1, 5]
        names = [(row.kind, row.name, row.span_id) for row in recorder.spans]
        assert ("producer", "send mail", "0.1") in names
        assert names.count(("local", "checksum", "0.1")) == 2


def test_requests_snippet(instrument):
    """I4: three attempts of the session of the page are three rows; nobody listens there."""
    with Recorder() as recorder:
        with pytest.raises(requests.ConnectionError):
            instrument["stock_of"]("apple")
        assert [row.attempt for row in recorder.spans if row.kind == "client"] == [0, 1, 2]


def test_middleware_of_django_snippet(instrument):
    """O4: the class that the page names is there."""
    from hopline.hooks import django as hook

    assert instrument["MIDDLEWARE"][0] == hook.NAME


def test_hooks_are_all_listed():
    """O4: every hook stands on the page."""
    text = (DOCS / "instrument.md").read_text().lower()
    names = {name.partition("_")[0] for name in HOOKS}
    assert [name for name in names if name not in text] == []


def test_logging_page(capsys):
    """I9: the page's log line carries the trace, and so do the recipes."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        space = run("logging.md")
        with Recorder(service="shop"), hopline.span("work") as span:
            space["logger"].info("by loguru")
            space["structlog"].get_logger().info("by structlog")
            trace_id = span.trace_id
    finally:
        hopline.uninstall("logging")
        hopline.shutdown(0)
        root.handlers[:] = before
        root.setLevel(level)
        space["logger"].remove()
        space["structlog"].reset_defaults()
    out, err = capsys.readouterr()
    assert re.search(r"WARNING orders [0-9a-f]{32} 0 basket is empty", err)
    assert f"{trace_id} 0 by loguru" in err
    assert trace_id in out
