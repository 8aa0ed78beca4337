"""The dependency map from edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.latency.figures import Figures
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import Edge
from hopline_query.topology.aggregate import USER, edges_of, group_rows, is_entry
from hopline_query.topology.graph import MapOptions, build_map
from hopline_query.topology.pairing import by_minute

START = 1_763_800_000_000_000


def edge(caller, callee, side="server", calls=1, *, errors=0, duration=1_000, cross_zone=0):
    figures = Figures()
    for index in range(calls):
        figures.count(duration, 1_000, error=index < errors, start_us=index + 1)
    return Edge(caller, callee, side, figures, cross_zone * 1_000)


def make_map(edges, lone=(), **options):
    names = {e.caller for e in edges if e.side in ("client", "producer")} | {
        e.callee for e in edges if e.side == "server"
    }
    services = {name: Figures() for name in {*names, *lone}}
    return build_map(edges, services, range_us=(START, START + 10_000_000), options=MapOptions(**options))


def arrow(answer, caller, callee):
    return next(e for e in answer["edges"] if (e["caller"], e["callee"]) == (caller, callee))


def node(answer, name):
    return next(n for n in answer["nodes"] if n["name"] == name)


def test_each_call_counts_once():
    """D1: the side that told more counts the calls, callers tell the failures; what did not arrive is told."""
    answer = make_map([edge("a", "b", "client", 10, errors=4), edge("a", "b", "server", 7, errors=1)])
    call = arrow(answer, "a", "b")
    assert (call["calls"], call["errors"], call["unreceived"]) == (10, 4, 3)
    assert (call["client"]["calls"], call["server"]["calls"]) == (10, 7)
    assert (call["calls_per_s"], call["error_rate"]) == (1.0, 0.4)
    assert node(answer, "b")["callers"] == {"calls": 10, "errors": 4, "success_rate": 0.6}
    assert node(answer, "a")["callers"] is None


def test_virtual_nodes():
    """D1: peers that are not instrumented are typed nodes; queues have a leg on each side."""
    answer = make_map(
        [
            edge("a", "db:shop", "client", 3),
            edge("a", "mq:orders", "producer", 2),
            edge("mq:orders", "b", "consumer", 2),
            edge("a", "api.bank.com", "client", 1),
            edge("USER", "a", "server", 5),
        ]
    )
    kinds = {n["name"]: n["kind"] for n in answer["nodes"]}
    assert kinds == {
        "USER": "user",
        "a": "service",
        "b": "service",
        "db:shop": "db",
        "external:api.bank.com": "external",
        "mq:orders": "mq",
    }
    assert node(answer, "db:shop")["label"] == "shop"
    assert node(answer, "db:shop")["calls"] == 3
    assert node(answer, "a")["entry"]
    assert arrow(answer, "mq:orders", "b")["kind"] == "mq"
    assert arrow(answer, "a", "db:shop")["unreceived"] == 0


def test_a_silent_service_stays_a_service():
    """D1: a service that reported before and is down now does not turn into a stranger."""
    answer = build_map(
        [edge("a", "b", "client", 3, errors=3)],
        {"a": Figures()},
        known=frozenset({"b"}),
        range_us=(START, START + 10_000_000),
    )
    assert node(answer, "b")["kind"] == "service"
    assert arrow(answer, "a", "b")["unreceived"] == 3


def test_lone_services_appear():
    """D1: a service without calls is on the map."""
    assert [n["name"] for n in make_map([], lone=["quiet"])["nodes"]] == ["quiet"]


def test_figures_of_an_edge():
    """D2: network time is the client's average minus the server's; cross-zone is a share."""
    call = arrow(
        make_map(
            [edge("a", "b", "client", 4, duration=5_000), edge("a", "b", "server", 4, duration=3_000, cross_zone=1)]
        ),
        "a",
        "b",
    )
    assert (call["network_us"], call["cross_zone"]) == (2_000, 0.25)
    assert call["p99_us"] == pytest.approx(3_000, rel=0.02)


def test_depth_cut_and_hiding():
    """D4: focus, depth in and out, hidden kinds, least calls, self-calls."""
    edges = [
        edge("a", "b"),
        edge("b", "c"),
        edge("c", "d", calls=5),
        edge("c", "c"),
        edge("c", "db:x", "client"),
    ]
    assert [n["name"] for n in make_map(edges, focus="c", depth_in=1, depth_out=1)["nodes"]] == ["b", "c", "d", "db:x"]
    assert node(make_map(edges, focus="c", depth_in=1, depth_out=1), "b")["hidden_neighbours"] == 1
    assert "db:x" not in [n["name"] for n in make_map(edges, hide=frozenset({"db"}))["nodes"]]
    assert [e["callee"] for e in make_map(edges, min_calls=2)["edges"]] == ["d"]
    assert not any(e["loop"] for e in make_map(edges, self_calls=False)["edges"])
    assert make_map(edges, focus="nobody")["nodes"] == []


def test_hints():
    """D4: circles, groups, the longest way and the busiest crossings."""
    hints = make_map([edge("a", "b"), edge("b", "c"), edge("c", "b"), edge("c", "d"), edge("a", "d")])["hints"]
    assert hints["cycles"] == [["b", "c", "b"]]
    assert hints["groups"] == [["b", "c"]]
    assert hints["longest_path"] == ["a", "b", "d"]
    assert hints["fan_in"][0] == {"name": "b", "edges": 2}


def test_broken_traces_invent_no_edge(row):
    """D3: a server row with a parent but no known caller, and a call to nobody, make no edge."""
    rows = [
        row("0.1", "b", "ff", "server", service="B"),
        row("0.1.1", "c", "b", "client", service="B", peer=""),
        row("0", "a", None, "server", service="A"),
        row("0.2", "d", "a", "client", service="A", peer="B", dur=None),
    ]
    assert [(e.caller, e.callee) for e in edges_of(rows)] == [("USER", "A")]


@pytest.mark.parametrize(
    ("apart_s", "by_store"), [(5, ["client", "server"]), (12, ["client"]), (17, [])], ids=["one minute", "guest", "far"]
)
def test_far_clocks_part_a_call_in_the_store_alone(row, apart_s, by_store):
    """D4, D5: sides that start in different minutes meet in the map of one trace, wherever the store lets them."""
    # The client starts 50 s into its minute, so 12 s later is a guest from the next one.
    client = row("", "c", None, "client", service="A", at=10_000)
    server = row("", "d", "c", "server", service="B", at=10_000 + apart_s * 1_000)
    assert [(e.caller, e.callee, e.side) for e in edges_of([server, client])] == [
        ("A", "B", "client"),
        ("A", "B", "server"),
    ]
    assert [e.side for e in edges_of([server, client], meeting=by_minute)] == by_store


def test_nothing_is_counted_twice(row):
    """L3: entry rows are servers, consumers and rows without parent."""
    rows = [
        row("0", "a", None, "local", service="job"),
        row("0.1", "b", "a", "client", service="job"),
        row("0.1", "c", "b", "server", service="B"),
        row("0.1.1", "d", "c", "local", service="B"),
    ]
    found = group_rows((r for r in rows if is_entry(r)), lambda r: r.service)
    assert {name: figures.rows for name, figures in found.items()} == {"job": 1, "B": 1}


@given(st.lists(st.tuples(*[st.sampled_from("abcde")] * 2, st.sampled_from(["client", "server"])), max_size=20))
def test_any_graph_has_a_map(pairs):
    """D4: circles, loops and lone nodes never break the hints, and the order of edges does not show."""
    edges = [edge(*pair) for pair in pairs]
    answer = make_map(edges)
    assert {e["caller"] for e in answer["edges"]} <= {n["name"] for n in answer["nodes"]}
    assert make_map(edges[::-1]) == answer


@given(began=st.lists(st.integers(0, 13), min_size=3, max_size=3))
def test_a_service_has_one_rate_on_the_map_and_in_the_stats(row, began):
    """D1, L1: A calls B calls C, each from its own minute on: rates are over the time that a service, or the younger
    end of an edge, was there."""
    minutes = [max(began[: n + 1]) for n in range(3)]
    rows = []
    for depth, name in enumerate("ABC"):
        for minute in range(minutes[depth], 14):
            trace_id, at = f"{minute:032x}", minute * 60_000
            caller = "AB"[depth - 1] if depth and minute >= minutes[depth - 1] else ""
            facts = {"service": name, "trace_id": trace_id, "at": at, "caller_service": caller}
            rows.append(
                row("0" + ".1" * depth, f"{name}{minute}", f"{caller}{minute}" if caller else None, "server", **facts)
            )
    service = QueryService(MemoryReader(rows), clock=lambda: START + 840_000_000)
    asked = {"from": str(START), "to": str(START + 900_000_000)}
    stats = {each["service"]: each for each in service.stats(asked)["services"]}
    drawn = service.dependencies(asked)
    assert {name: each["qps"] for name, each in stats.items()} == {name: node(drawn, name)["qps_in"] for name in "ABC"}
    for caller, callee in ("AB", "BC"):
        found = arrow(drawn, caller, callee)
        seen = min(stats[caller]["seen_s"], stats[callee]["seen_s"])
        assert found["calls_per_s"] == pytest.approx(found["calls"] / seen, abs=1e-4)
    # Users were there as long as the oldest service that they call.
    calls = sum(each["calls"] for each in drawn["edges"] if each["caller"] == USER)
    oldest = max(stats[each["callee"]]["seen_s"] for each in drawn["edges"] if each["caller"] == USER)
    assert node(drawn, USER)["qps_out"] == pytest.approx(calls / oldest, abs=1e-4)
