"""Far ends that never named themselves: an address is all that their callers know."""

from collections.abc import Callable

import pytest

from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader
from hopline_query.topology.addresses import Taught, names

START = 1_763_800_000_000_000
MINUTE = 60_000_000
AROUND = {"from": str(START - MINUTE), "to": str(START + MINUTE)}
ADDRESS = "api.example.com:443"


@pytest.fixture
def rows(row):
    """One call to an address that nobody reports from, one to an address whose service answers with rows."""
    return [
        row("0", "a", None, "server", service="web"),
        row("0.1", "b", "a", "client", service="web", peer=ADDRESS),
        row("0.2", "c", "a", "client", service="web", peer="10.0.0.7:80"),
        row("0.2", "d", "c", "server", service="orders"),
    ]


@pytest.fixture(params=["twin", "store"])
def service(request, rows, engine, store_rows) -> Callable[[], QueryService]:
    store_rows(rows)
    reader = MemoryReader(rows) if request.param == "twin" else ClickHouseReader(engine)
    return QueryService(reader, clock=lambda: START + MINUTE)


@pytest.mark.parametrize("how", [AROUND, {"trace_id": "6921c0de0123456789abcdef01234567"}])
def test_the_map_shows_an_external_node(service, how):
    """D1: a client row whose server side is not instrumented leads to a node of kind external."""
    answer = service.dependencies(how)
    assert {node["name"]: node["kind"] for node in answer["nodes"]} == {
        "USER": "user",
        "web": "service",
        "orders": "service",
        f"external:{ADDRESS}": "external",
    }
    external = next(edge for edge in answer["edges"] if edge["kind"] == "external")
    assert (external["calls"], external["unreceived"]) == (1, 0)


def test_the_list_of_peers_names_the_same_nodes(service):
    """Q4: node keys of the map."""
    found = service.peers({"service": "web", **AROUND})["peers"]
    assert found == [
        {"peer": f"external:{ADDRESS}", "kind": "external", "calls": 1},
        {"peer": "orders", "kind": "service", "calls": 1},
    ]


def answered(row, number, service, url, host, **more):
    """A call whose far end named itself, and its server row."""
    found = {"tags": {"server.address": host}, "attrs": {"url.full": url} if url else {}} | more
    return row(f"0.{number}", f"a{number}", "a", "client", service="web", peer=service, peer_kind="service", **found)


@pytest.fixture
def taught_rows(row):
    """A gateway that orders, two behind one address, and a gRPC service; then calls that nobody answered."""
    return [
        row("0", "a", None, "server", service="web"),
        row("0.5", "c5", "a5", "server", service="orders", caller_service="web"),
        row("0.6", "c6", "a6", "server", service="stock", caller_service="web"),
        answered(row, 5, "orders", "http://10.0.0.7:8080/orders", "10.0.0.7"),
        answered(row, 6, "stock", "", "10.0.0.8"),
        answered(row, 7, "blue", "https://shared.example/x", "shared.example"),
        answered(row, 8, "green", "https://shared.example/y", "shared.example"),
        row("0.10", "b1", "a", "client", service="web", peer="10.0.0.7:8080", error=True),
        row("0.11", "b2", "a", "client", service="web", peer="10.0.0.7:9090", error=True),
        row("0.12", "b3", "a", "client", service="web", peer="10.0.0.8:50051", error=True),
        row("0.13", "b4", "a", "client", service="web", peer="shared.example:443", error=True),
    ]


@pytest.fixture(params=["twin", "store"])
def taught(request, taught_rows, engine, store_rows) -> QueryService:
    store_rows(taught_rows)
    reader = MemoryReader(taught_rows) if request.param == "twin" else ClickHouseReader(engine)
    return QueryService(reader, clock=lambda: START + MINUTE)


@pytest.mark.parametrize("how", [AROUND, {"trace_id": "6921c0de0123456789abcdef01234567"}, {"filter": "kind=client"}])
def test_addresses_become_services_through_what_answered_calls_taught(taught, how):
    """D1: the response named its service; a call without an answer went to the same place."""
    answer = taught.dependencies(how if "trace_id" in how else {**AROUND, **how})
    calls = {edge["callee"]: (edge["client"]["calls"], edge["unreceived"]) for edge in answer["edges"]}
    assert calls["orders"] == (2, 1)
    assert calls["stock"] == (2, 1)
    assert calls["external:10.0.0.7:9090"] == (1, 0)
    assert calls["external:shared.example:443"] == (1, 0)
    assert "external:10.0.0.7:8080" not in calls


def test_the_list_of_peers_knows_what_was_taught(taught):
    """Q4: node keys of the map."""
    found = {peer["peer"]: peer["calls"] for peer in taught.peers({"service": "web", **AROUND})["peers"]}
    assert (found["orders"], found["stock"]) == (2, 2)


@pytest.mark.parametrize(
    ("address", "url", "host"),
    [
        ("h:80", "http://h", "h"),
        ("h", "http://h", "h"),
        ("h", "http://h:80", "h"),
        ("h:443", "https://h", "h"),
        ("h:8080", "http://h:8080", "h"),
        ("[::1]:8080", "http://[::1]:8080", "::1"),
        ("::1:8080", "http://[::1]:8080", "::1"),
        ("h:50051", "", "h"),
    ],
)
def test_spellings_of_one_address(address, url, host):
    """D1: with the protocol's own port or without it."""
    assert names([address], [Taught(host, url, "orders")]) == {address: "orders"}


@pytest.mark.parametrize(
    ("address", "url", "host"),
    [("h:81", "http://h", "h"), ("h", "http://h:8080", "h"), ("i:80", "http://h", "h"), ("h:1", "http://h:x", "h")],
)
def test_other_addresses_are_not_taught(address, url, host):
    """D1: another port may be another service."""
    assert names([address], [Taught(host, url, "orders")]) == {}
