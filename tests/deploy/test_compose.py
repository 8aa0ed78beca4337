"""What the processes are made of."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from hopline_collector.chores.thinning import DAYS_LEAST, ThinningSettings
from hopline_deploy.compose import collector_settings, compose, gather
from hopline_deploy.settings import Role, Settings, SettingsError

COLLECTOR = [("POST", "/api/v1/spans"), ("GET", "/health/ready"), ("GET", "/metrics")]
QUERY = [
    ("GET", "/"),
    ("GET", "/trace/{trace_id}"),
    ("GET", "/api/v1/traces/{trace_id}"),
    ("GET", "/api/v2/traces"),
    ("GET", "/api/services"),
    ("GET", "/health/ready"),
]
EXPECTED = {"collector": COLLECTOR, "query": QUERY, "up": COLLECTOR + QUERY}


def chosen(folder: Path, **settings: Any) -> Settings:
    # A store by URL connects on first use, so nothing is opened here.
    return Settings(data=str(folder), clickhouse="http://127.0.0.1:9", **settings)


def routes(role: Role, folder: Path) -> Counter[tuple[str, str]]:
    """``(method, path)`` of every route, those of included routers too."""
    found = [route for router in gather(role, chosen(folder)).routers for route in router.routes]
    # The framework keeps an included router as one entry that lists its routes with their whole paths.
    listed = [context for route in found for context in getattr(route, "effective_route_contexts", list)()]
    plain = [route for route in found if isinstance(route, APIRoute)]
    return Counter((method, route.path) for route in [*plain, *listed] for method in route.methods)


def get(app: ASGIApp, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.mark.parametrize("role", ["up", "collector", "query"])
def test_each_role_has_its_routes_once(role: Role, tmp_path: Path) -> None:
    """Section 8: everything on one port; no part of it hides another's route."""
    found = routes(role, tmp_path)
    assert [route for route in EXPECTED[role] if route not in found] == []
    assert [route for route, times in found.items() if times > 1] == []


@pytest.mark.parametrize("role", ["up", "collector", "query"])
def test_a_process_without_its_store_tells_so(role: Role, tmp_path: Path) -> None:
    """A2: every process can be watched while the store is away, and counts what failed by reason."""
    app = compose(role, chosen(tmp_path))
    get(app, "/metrics")
    lines = get(app, "/metrics").text.splitlines()
    assert "hopline_store_up 0.0" in lines
    failed = 'hopline_store_failures_total{reason="away",statement="query"} '
    assert [line for line in lines if line.startswith(failed) and not line.endswith(" 0.0")]
    assert [line for line in lines if line.startswith("hopline_disk_free_bytes ")]


@pytest.mark.parametrize("role", ["up", "collector", "query"])
def test_no_body_is_read_by_the_framework(role: Role, tmp_path: Path) -> None:
    """R5: the framework reads a declared body without a bound, so every route reads its own by the bounded reader."""
    found = [route for router in gather(role, chosen(tmp_path)).routers for route in router.routes]
    listed = [context for route in found for context in getattr(route, "effective_route_contexts", list)()]
    checked = [*(route for route in found if isinstance(route, APIRoute)), *listed]
    assert len(checked) > 3
    assert [route.path for route in checked if getattr(route, "body_field", None) is not None] == []


def test_halves_do_not_overlap(tmp_path: Path) -> None:
    """A collector answers no questions, a query process takes no spans."""
    assert ("GET", "/") not in routes("collector", tmp_path)
    assert ("POST", "/api/v1/spans") not in routes("query", tmp_path)


def test_nothing_of_the_frameworks_own_pages(tmp_path: Path) -> None:
    """U10: the framework's documentation pages load scripts from elsewhere; the OpenAPI itself is there."""
    app = compose("query", chosen(tmp_path))
    assert get(app, "/openapi.json").json()["info"]["title"] == "Hopline"
    assert get(app, "/docs").status_code == 404
    assert get(app, "/redoc").status_code == 404


@pytest.mark.parametrize("path", ["/tracing/health/live", "/health/live"])
def test_a_base_path(tmp_path: Path, path: str) -> None:
    """U10: it works below a path, whether or not the proxy cuts it off."""
    app = compose("query", chosen(tmp_path, base_path="/tracing"))
    assert get(app, path).json() == {"status": "up"}
    assert get(app, "/tracingandmore").status_code == 404


def test_a_base_path_with_tokens(tmp_path: Path) -> None:
    """R5: below a path, health needs no token and everything else does."""
    (tmp_path / "tokens").write_text("read " + "0" * 64)
    app = compose("query", chosen(tmp_path, base_path="/tracing", tokens=str(tmp_path / "tokens")))
    assert get(app, "/tracing/health/live").status_code == 200
    assert get(app, "/health/live").status_code == 200
    assert get(app, "/tracing/openapi.json").status_code == 401


def test_what_is_kept_reaches_the_collector(tmp_path: Path) -> None:
    """C6, C7: the settings speak of shares and seconds, the collector of parts per million and microseconds."""
    plain = collector_settings("up", chosen(tmp_path))
    assert (plain.keep, plain.thinning) == (None, ThinningSettings())
    rules = {"thinning_days": 10, "thinning_slow_s": 0.5, "thinning_share": 0.25, "thinning_uids": ("u-1",)}
    told = collector_settings("collector", chosen(tmp_path, keep=0.1, span_days=30, **rules))
    assert (told.keep, told.retention.span_days) == (0.1, 30)
    assert told.thinning == ThinningSettings(days=10, slow_us=500_000, share=250_000, uids=("u-1",))


def test_the_least_age_is_the_collectors(tmp_path: Path) -> None:
    """C7: the table of settings names the age without importing the store; both are the same."""
    assert chosen(tmp_path, thinning_days=DAYS_LEAST, span_days=30).thinning_days == DAYS_LEAST
    with pytest.raises(SettingsError, match=f"{DAYS_LEAST} and more"):
        chosen(tmp_path, thinning_days=DAYS_LEAST - 1, span_days=30)


def test_what_few_need_is_not_loaded_at_start():
    """O2: the clients of brokers and the library of graphs load when they are first used; a start does not wait."""
    parts = "hopline_deploy.compose, hopline_collector.process, hopline_query.api, hopline_query.service, hopline_ui"
    code = f"import sys, {parts}; print(sorted({{'kafka', 'networkx', 'numpy', 'grpc'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.strip() == "[]"
