"""Counters for Prometheus: each slot once, bounded series, a text that its own parser reads."""

from itertools import pairwise
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from hopline_query.red.exposition import Red
from hopline_query.red.totals import MOST_EDGES, MOST_OPERATIONS, OTHER, Totals

TRACE = "6921c0de0123456789abcdef01234567"


class Figures:
    """Ten calls in every ten seconds, one of them failing; the windows asked for are in `asked`."""

    def __init__(self) -> None:
        self.now = 1_795_000_000_000_000
        self.asked: list[tuple[int, int]] = []

    def clock(self) -> int:
        return self.now

    def stats(self, params: Any) -> Any:
        begin, end = int(params["from"]), int(params["to"])
        self.asked.append((begin, end))
        calls = (end - begin) // 1_000_000
        entry = {"service": 'a"\n', "operation": "GET /", "calls": calls, "errors": calls / 10, "avg_us": 20_000.0}
        return {"services": [{**entry, "histogram": [(19_000, 21_000, calls)]}]}

    def dependencies(self, params: Any) -> Any:
        return {"edges": [{"caller": "USER", "callee": "a", "calls": 1, "errors": 0}]}

    def errors(self, params: Any) -> Any:
        return {"groups": [{"service": 'a"\n', "operation": "GET /", "newest_trace_id": TRACE}]}


def samples(red: Red) -> dict[str, Any]:
    families = text_string_to_metric_families(red.text().decode())
    return {s.name + s.labels.get("le", ""): s for family in families for s in family.samples}


def test_each_slot_counts_once() -> None:
    """A2: counters only grow, whoever looks how often; windows tile time; failures carry a trace."""
    service = Figures()
    red = Red(service)
    totals = []
    for _ in range(5):
        service.now += 23_000_000
        found = [samples(red) for _ in range(2)][-1]
        totals.append(found["hopline_red_calls_total"].value)
    assert totals == sorted(totals)
    assert all(a[1] == b[0] for a, b in pairwise(service.asked))
    assert totals[-1] == (service.asked[-1][1] - service.asked[0][0]) / 1e6
    assert found["hopline_red_errors_total"].exemplar.labels == {"trace_id": TRACE}
    assert found["hopline_red_duration_seconds_bucket+Inf"].value == totals[-1]
    assert found["hopline_red_duration_seconds_bucket0.01"].value == 0


def test_series_are_bounded() -> None:
    """A2: beyond the bound calls are counted as other, and none is lost."""
    totals = Totals()
    plain = {"operation": "x", "calls": 1, "errors": 0, "avg_us": None}
    totals.add_figures({"services": [{"service": f"s{i}", **plain} for i in range(2 * MOST_OPERATIONS)]})
    totals.add_edges({"edges": [{"caller": "a", "callee": f"{i}", "calls": 1, "errors": 0} for i in range(1_500)]})
    assert len(totals.operations) == MOST_OPERATIONS + 1
    assert totals.operations[OTHER, OTHER].calls == MOST_OPERATIONS
    assert totals.edges[OTHER, OTHER][0] == 1_500 - MOST_EDGES
