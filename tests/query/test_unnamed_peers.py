"""Far ends that never named themselves: an address is all that their callers know."""

from collections.abc import Callable

import pytest

from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader

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
