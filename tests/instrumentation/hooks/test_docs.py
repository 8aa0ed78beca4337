"""What docs/instrument.md and docs/logging.md say, run and looked at."""

import logging
import re
from pathlib import Path

import pytest
import requests

import hopline
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
    names = {name.partition("_")[0] for name in hopline.hooks.HOOKS}
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
