"""A figure is a link: what it opens counts exactly what it counts, on random data."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_ui import fmt
from ui_support import NOW, Client, Page
from ui_support.shop_rows import shop_app, shop_rows

LONG = {"from": str(NOW - 900_000_000), "to": str(NOW)}


@pytest.fixture(scope="module", params=[1, 2, 3])
def shop(request: pytest.FixtureRequest) -> tuple[Client, QueryService]:
    rows = shop_rows(request.param)
    reader = MemoryReader(rows)
    return Client(shop_app(reader)), QueryService(reader, clock=lambda: NOW)


def told(client: Client, href: str) -> int:
    """The number of calls that the list behind a link says it shows."""
    page = Page(client.get(href).text)
    words = next(e.text for e in page.all("b") if "calls in" in e.text or "call in" in e.text)
    return int(re.sub(r"\D", "", words))


def searches(client: Client, path: str, **wanted: str) -> list[str]:
    links = [e.get("href") or "" for e in Page(client.get(path).text).all("a")]
    found = [link for link in links if link.startswith("/search")]
    return [link for link in found if all(f"{key}={value}" in urlsplit(link).query for key, value in wanted.items())]


def entries(service: QueryService) -> dict[str, dict[str, Any]]:
    return {entry["service"]: entry for entry in service.stats(LONG)["services"]}


def test_rates_and_failures_of_services_open_those_calls(shop: tuple[Client, QueryService]):
    """U1: calls and failed calls on the home page are the calls of the lists that they open."""
    client, service = shop
    for name, entry in entries(service).items():
        links = searches(client, f"/?from={LONG['from']}&to={LONG['to']}", service=name, entry="true")
        calls = [link for link in links if "errors=" not in link and "duration" not in link]
        assert calls
        assert {told(client, link) for link in calls} == {entry["calls"]}
        failed = [link for link in links if "errors=true" in link]
        assert {told(client, link) for link in failed} == ({entry["errors"]} if entry["errors"] else set())


def test_edges_open_those_calls(shop: tuple[Client, QueryService]):
    """U6: a row of the map's table says as many calls as the list it opens."""
    client, service = shop
    for edge in service.dependencies(LONG)["edges"]:
        if edge["caller"] == "USER":
            continue
        links = searches(
            client, f"/map?from={LONG['from']}&to={LONG['to']}", caller=edge["caller"], callee=edge["callee"]
        )
        assert links
        for link in links:
            assert told(client, link) == edge["errors" if "errors=true" in link else "calls"]


def test_an_edge_has_one_rate_on_every_page():
    """U6, U7: a caller is told the rate of the map's edge, over the time in which both were seen, not its own."""
    rows = [row for row in shop_rows(1) if row.service == "gateway" or row.start_us > NOW - 300_000_000]
    client, service = Client(shop_app(MemoryReader(rows))), QueryService(MemoryReader(rows), clock=lambda: NOW)
    seen = {name: entry["seen_s"] for name, entry in entries(service).items()}
    edges = [edge for edge in service.dependencies(LONG)["edges"] if {edge["caller"], edge["callee"]} <= {*seen}]
    assert any(seen[edge["caller"]] > 1.5 * seen[edge["callee"]] for edge in edges)
    for edge in edges:
        ends = f"caller={edge['caller']}&callee={edge['callee']}"
        for end in ("caller", "callee"):
            page = Page(client.get(f"/service/{edge[end]}?from={LONG['from']}&to={LONG['to']}").text)
            cells = [e for e in page.all("a") if e.get("class") == "cell" and ends in (e.get("href") or "")]
            assert cells[0].text == fmt.rate(edge["calls_per_s"])


def test_percentiles_open_the_calls_beyond_them(shop: tuple[Client, QueryService]):
    """U7: p99 opens entry calls that took at least as long, the slowest first: the true slowest is on top."""
    client, service = shop
    slowest = max(service.search({**LONG, "limit": "1000"})["traces"], key=lambda trace: trace["duration_us"])
    link = next(
        href for href in searches(client, "/service/gateway?from=now-15m", entry="true") if "order_by=longest" in href
    )
    first = next(e for e in Page(client.get(link).text).all("a") if e.get("class") == "trace-link")
    assert slowest["trace_id"] in (first.get("href") or "")
