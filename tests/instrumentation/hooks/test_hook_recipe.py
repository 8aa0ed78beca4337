"""The hook that docs/hooks.md writes in thirty lines."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import hopline
from hopline.testing import Recorder

PAGE = Path(__file__).parents[3] / "docs" / "hooks.md"


@pytest.fixture
def library(monkeypatch):
    """The library of the page, as its author made it."""

    class Answer:
        status = 200

    class Client:
        host = "10.1.2.3:80"
        sent: list[dict] = []  # noqa: RUF012 - looked at by the test

        def request(self, path, headers=None):
            if path == "/broken":
                raise ConnectionError("no stock")
            self.sent.append(headers or {})
            return Answer()

    module = ModuleType("shop_client")
    module.Client = Client
    monkeypatch.setitem(sys.modules, "shop_client", module)
    return module


def test_the_recipe_works(library):
    """I4: what the page shows is a hook: a row a call, headers for the callee, failures, and the original back."""
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(code[code.index("def install") :].splitlines()) <= 30
    hook: dict = {}
    exec(compile(code, str(PAGE), "exec"), hook)
    original = library.Client.request
    hook["install"]()
    hook["install"]()
    with Recorder() as recorder, hopline.span("work"):
        client = library.Client()
        assert client.request("/").status == 200
        with pytest.raises(ConnectionError):
            client.request("/broken")
        good, bad = [row for row in recorder.spans if row.kind == "client"]
    assert (good.peer, good.tags["shop.status"], bad.error_type) == ("10.1.2.3:80", "200", "ConnectionError")
    assert good.trace_id in client.sent[0]["traceparent"]
    hook["uninstall"]()
    assert library.Client.request is original
