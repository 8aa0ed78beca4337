"""An edge slot by slot is the edge of the map of each slot (L, D1)."""

from dataclasses import replace
from typing import Any

import pytest

from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from ui_support import NOW
from ui_support.shop_rows import shop_rows

MINUTE = 60_000_000
FIRST = (NOW - 900 * 1_000_000) // MINUTE * MINUTE
RANGE = {"from": str(FIRST), "to": str(FIRST + 15 * MINUTE), "step": "1m"}
FIGURES = ("calls", "errors", "error_rate", "avg_us", "p50_us", "p99_us", "max_us")


@pytest.fixture(scope="module", params=[1, 2])
def service(request: pytest.FixtureRequest) -> QueryService:
    rows = shop_rows(request.param)
    charges = [row for row in rows if (row.service, row.kind) == ("payments", "server")]
    called = [replace(row, kind="client", span_id=f"{row.span_id}.9", caller_service="") for row in charges]
    far = [replace(row, id=f"f{row.id[1:]}", peer="bank") for row in called]
    far += [replace(row, id=f"d{row.id[1:]}", peer="shop", peer_kind="db") for row in called]
    return QueryService(MemoryReader([*rows, *far]), clock=lambda: NOW)


@pytest.fixture(scope="module")
def maps(service: QueryService) -> list[dict[str, Any]]:
    slots = [FIRST + at * MINUTE for at in range(15)]
    return [service.dependencies({"from": str(at), "to": str(at + MINUTE)}) for at in slots]


def test_each_slot_is_the_edge_of_the_map_of_that_slot(service: QueryService, maps: list[dict[str, Any]]):
    """Calls by the side that told more, failures as callers saw them, times of the callee: as on the map."""
    pairs = {(edge["caller"], edge["callee"]) for found in maps for edge in found["edges"]}
    assert {callee for _, callee in pairs} > {"external:bank", "db:shop", "orders"}
    for caller, callee in pairs:
        answer = service.series({**RANGE, "caller": caller, "callee": callee})
        assert answer["times"] == [FIRST + at * MINUTE for at in range(15)]
        (line,) = answer["series"]
        for at, found in enumerate(maps):
            edge = next((e for e in found["edges"] if (e["caller"], e["callee"]) == (caller, callee)), None)
            if edge is None:
                assert line["calls"][at] == 0
            else:
                assert {name: line[name][at] for name in FIGURES} == {name: edge[name] for name in FIGURES}


def test_a_callee_alone_is_what_its_callers_see(service: QueryService, maps: list[dict[str, Any]]):
    """The line of a service's success as its callers tell it: the block ``callers`` of the map, slot by slot."""
    names = {node["name"] for found in maps for node in found["nodes"] if node["callers"]}
    assert len(names) > 2
    for name in names:
        (line,) = service.series({**RANGE, "callee": name})["series"]
        for at, found in enumerate(maps):
            node = next((node for node in found["nodes"] if node["name"] == name), None)
            told = (node or {}).get("callers") or {"calls": 0, "errors": 0}
            assert (line["calls"][at], line["errors"][at]) == (told["calls"], told["errors"])


def test_an_edge_that_is_not_there_has_no_line(service: QueryService):
    """Whatever is asked for: no line, and the slots that were looked at."""
    for asked in ({"callee": "nobody"}, {"caller": "x" * 500, "callee": "\u202e<b>"}, {"caller": "nobody"}):
        answer = service.series({**RANGE, **asked})
        assert answer["series"] == []
        assert len(answer["times"]) == 15
