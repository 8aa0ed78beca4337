"""A read token that is bound to services: whatever it asks, it learns what rows of these services alone would tell."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from hopline.model import Row
from hopline_deploy import own_figures
from hopline_deploy.access import AccessMiddleware, TokenFile, create
from hopline_query.alerts.answers import Alerts
from hopline_query.api import alerts, create_router, jaeger, metrics, zipkin
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import Report
from hopline_ui import UiSettings
from hopline_ui import create_router as create_pages
from support.shops import START, random_traces

NOW = START + 60_000_000
RANGE = {"from": str(START - 60_000_000), "to": str(NOW)}
OWN, FAR = ("own-a", "own-b"), ("far-c", "far-d")
NAMES = dict(zip("abcd", OWN + FAR, strict=True)) | {"": ""}
PATHS = {"trace_id": f"{6921:08x}{1:024x}", "service": OWN[0], "uid": "u1", "key": "tenant", "service_name": OWN[0]}


def telling(row: Row) -> Row:
    """A row all of whose names tell its service."""
    service = NAMES[row.service]
    texts = {"error_type": f"{service}!" if row.error else "", "error_text": f"of {service}" if row.error else ""}
    ends = {"peer": NAMES.get(row.peer, row.peer), "caller_service": NAMES[row.caller_service]}
    return replace(row, service=service, name=f"{service}/{row.name}", instance=f"{service}:1", **ends, **texts)


def answering(rows: list[Row]) -> list[APIRouter]:
    """Everything that answers questions."""
    reports = [Report(service, f"{service}:1", NOW, 10, 8, {"queue_full": 2}, 0) for service in OWN + FAR]
    service = QueryService(MemoryReader(rows, reports), clock=lambda: NOW)
    found = Alerts(service, None)
    return [
        create_router(service),
        alerts.create_router(found),
        metrics.create_router(service, None, CollectorRegistry(), alone=True),
        zipkin.create_router(service),
        jaeger.create_router(service),
        create_pages(service, UiSettings(), found),
    ]


def guarded(rows: list[Row], file: Path) -> TestClient:
    """The same behind the tokens of a file."""
    app = FastAPI()
    for router in answering(rows):
        app.include_router(router)
    return TestClient(AccessMiddleware(app, TokenFile(file)))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [telling(row) for trace in random_traces(7, 15) for row in trace]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A file of tokens, and the header of the one that is bound."""
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    token, line = create("read", "wall", services="own-")
    file.write_text(line)
    return file, {"Authorization": f"Bearer {token}"}


def questions(path: str, chance: Random) -> Iterator[str]:
    """A route asked for an own service, for another one, for both, for none, and with parameters of searches."""
    own, far = chance.choice(OWN), chance.choice(FAR)
    filled = path
    for name, value in PATHS.items():
        filled = filled.replace(f"{{{name}}}", value).replace(f"{{{name}:path}}", value)
    more: list[dict[str, str]] = [{}, {"group": "operation", "compare": "previous"}, {"group": "caller"}]
    more += [{"view": "all", "spark": "5"}, {"view": "client"}, {"callee": far}, {"operation": f"{far}/x"}]
    more = more if path.removeprefix("/api/v1/") in own_figures.ROUTES else more[:1]
    for services, extra in product(([own], [far], [own, far], [far, own], [f" {far}"], []), more):
        yield f"{filled}?{urlencode([*RANGE.items(), *(('service', s) for s in services), *extra.items()])}"


def without(answer: Any, names: frozenset[str]) -> Any:
    """An answer without what clocks, or callers, tell."""
    if isinstance(answer, dict):
        return {name: without(value, names) for name, value in answer.items() if name not in names}
    return [without(value, names) for value in answer] if isinstance(answer, list) else answer


def test_nothing_of_other_services_is_told(rows: list[Row], shown: tuple[Path, dict[str, str]]) -> None:
    """A4: a route is refused with its reason, or answers as over rows of these services alone; no other is named."""
    file, header = shown
    everything, alone = guarded(rows, file), guarded([row for row in rows if row.service in OWN], file)
    chance, told = Random(3), set()
    paths = {
        route.path for router in answering([]) for route in router.routes if "GET" in getattr(route, "methods", ())
    }
    assert len(paths) > 60
    for path in sorted(paths):
        for question in questions(path, chance):
            answer = everything.get(question, headers=header)
            assert not any(name in answer.text for name in FAR if name not in question), question
            if answer.status_code == httpx.codes.FORBIDDEN:
                assert "whose names begin with own-" in answer.json()["error"]["message"]
                continue
            assert answer.status_code == httpx.codes.OK, question
            told.add(path)
            clocks = frozenset({"took_ms", "freshness", "callers"})
            over_own = alone.get(question, headers=header).json()
            assert without(answer.json(), clocks) == without(over_own, clocks), question
            dropping = [process["service"] for process in answer.json()["freshness"]["dropping"]]
            assert dropping == list(OWN)
    assert told == {f"/api/v1/{name}" for name in own_figures.ROUTES}


def test_a_token_that_is_not_bound_sees_all(rows: list[Row], tmp_path: Path) -> None:
    """A4: a second line without services, or of an admin, frees the token."""
    token, line = create("read", services="own-")
    for scope in ("read", "admin"):
        (tmp_path / "tokens").write_text(f"{line}\n{scope} {line.split()[1]}")
        client = guarded(rows, tmp_path / "tokens")
        answer = client.get(f"/api/v1/services?{urlencode(RANGE)}", headers={"Authorization": f"Bearer {token}"})
        assert FAR[0] in answer.text


@given(st.text(max_size=30), st.text(max_size=60))
def test_only_what_is_meant_is_opened(path: str, query: str) -> None:
    """A4: odd addresses and query strings open nothing."""
    assert not own_figures.opens(["own-"], path, query)
    assert not own_figures.opens(["own-"], f"/api/v1/stats{path}", query) or not path
