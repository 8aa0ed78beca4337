"""R5: hosts, origins, HEAD, ambiguous lengths and the one shape of errors, on the composed application."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hopline_deploy.commands import PRIVATE_FOLDERS
from hopline_deploy.compose import compose
from hopline_deploy.settings import Settings
from support.hopline_process import Server


def ask(folder: Path, method: str, path: str, headers: dict[str, str] | None = None, **settings: Any) -> httpx.Response:
    app = compose("collector", Settings(data=str(folder), clickhouse="http://127.0.0.1:9", **settings))

    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:9411") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(request())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("evil.com", 421), ("10.0.0.1", 421), ("evil.com:9411", 421)),
        *(("localhost:9411", 404), ("[::1]:9411", 404), ("127.0.0.1", 404), ("tracing.example", 404)),
        *(("pages.example", 404), ("pages.example:9411", 404)),
    ],
)
def test_on_loopback_only_known_hosts_are_served(tmp_path: Path, host: str, status: int) -> None:
    """R5: a name of a stranger's that leads to this machine opens nothing."""
    known: dict[str, Any] = {"hosts": ("tracing.example",), "public_url": "https://pages.example/traces"}
    assert ask(tmp_path, "GET", "/nothing", {"host": host}, **known).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.com"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://127.0.0.1:9411"}, 404),
        ({"origin": "http://grafana:3000", "sec-fetch-site": "cross-site"}, 404),
        ({"origin": "https://behind.proxy", "sec-fetch-site": "same-origin"}, 404),
        ({}, 404),
    ],
)
def test_a_strangers_page_changes_nothing(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    """R5: every method but reading refuses foreign origins, whatever the route."""
    assert ask(tmp_path, "POST", "/nothing", headers, allow_origins=("http://grafana:3000",)).status_code == status


def test_other_origins_read_by_setting_alone(tmp_path: Path) -> None:
    """R5: CORS is off by default."""
    origin = {"origin": "http://grafana:3000"}
    assert "access-control-allow-origin" not in ask(tmp_path, "GET", "/api/v2/traces", origin).headers
    allowed = ask(tmp_path, "GET", "/api/v2/traces", origin, allow_origins=("http://grafana:3000",))
    assert allowed.headers["access-control-allow-origin"] == "http://grafana:3000"


def test_head_answers_wherever_get_does(tmp_path: Path) -> None:
    """R5: HEAD is GET without the body; no answer is guessed to be of another type."""
    answer = ask(tmp_path, "HEAD", "/health/live")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_two_lengths_close_the_connection(tmp_path: Path) -> None:
    """R3: RFC 9112 6.1."""
    both = {"content-length": "3", "transfer-encoding": "chunked"}
    assert ask(tmp_path, "GET", "/health/live", both).headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/api/v1/spans", 405, "method_not_allowed"),
        ("GET", "/api/v1/dead?limit=evilinput", 422, "unprocessable"),
    ],
)
def test_every_error_has_one_shape(tmp_path: Path, method: str, path: str, status: int, code: str) -> None:
    """R5: what the framework refuses looks like what we refuse, and repeats no input."""
    answer = ask(tmp_path, method, path)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (set(error), error["code"]) == ({"code", "message", "field", "column", "detail"}, code)
    assert "evilinput" not in answer.text


def test_stored_spans_are_for_their_owner_alone(hopline_up: Callable[..., Server], tmp_path: Path) -> None:
    """R5: nobody else on the machine reads journal or tables, nor what an earlier version left open."""
    data = tmp_path / "hopline"
    (data / "journal").mkdir(parents=True, mode=0o755)
    hopline_up("--data", str(data))
    assert {name: (data / name).stat().st_mode & 0o777 for name in PRIVATE_FOLDERS} == dict.fromkeys(
        PRIVATE_FOLDERS, 0o700
    )
    assert (data / "journal" / "journal.sqlite").stat().st_mode & 0o077 == 0
