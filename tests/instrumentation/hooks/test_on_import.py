"""Hooks that wait for the import of their library."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
import hopline
{before}
names = hopline.install()
loaded = [name for name in ("celery", "django", "grpc", "sqlalchemy", "requests") if name in sys.modules]
heavy = [name for name in ("asyncio", "concurrent.futures.thread", "http.client", "logging") if name in sys.modules]
import requests, sqlalchemy, django.core.handlers.wsgi, aiohttp.web
from importlib.resources import files
print(json.dumps({{
    "names": names,
    "loaded": loaded,
    "heavy": heavy,
    "patched": [
        hasattr(sys.modules["urllib3"].HTTPConnectionPool._make_request, "__wrapped__"),
        hasattr(sys.modules["django.core.handlers.base"].BaseHandler.load_middleware, "__wrapped__"),
        hasattr(sys.modules["aiohttp"].ClientSession._request, "__wrapped__"),
        hasattr(aiohttp.web.Application.__init__, "__wrapped__"),
        hasattr(sys.modules["concurrent.futures"].ThreadPoolExecutor.submit, "__wrapped__"),
        hasattr(sys.modules["urllib.request"].AbstractHTTPHandler.do_open, "__wrapped__"),
        hasattr(sys.modules["logging"].Logger.makeRecord, "__wrapped__"),
    ],
    "resources": files("requests").joinpath("__init__.py").is_file(),
    "celery": "celery" in sys.modules,
}}))
hopline.uninstall()
assert not hasattr(sys.modules["urllib3"].HTTPConnectionPool._make_request, "__wrapped__")
import grpc
assert not hasattr(grpc.insecure_channel, "__wrapped__")
"""


@pytest.mark.parametrize("before", ["", "import requests, aiohttp.web"])
def test_hooks_come_with_their_library(before):
    """I4: install() imports no library; each is hooked when the application imports it, or at once if it has."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT.format(before=before)]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True).stdout)
    assert found["patched"] == [True] * 7
    assert found["loaded"] == (["requests"] if before else [])
    if not before:
        assert found["heavy"] == []
    assert {"requests", "celery", "grpc", "logging", "urllib"} <= set(found["names"])
    assert found["resources"]
    assert not found["celery"]
