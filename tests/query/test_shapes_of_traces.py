"""Y5: traces of the same structure have one shape, whatever their order, times and repeats."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.errors import BadRequestError
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.tree.build import build_tree
from hopline_query.why.repeats import patterns
from hopline_query.why.shapes import outline, shape_of
from support.any_rows import NOW, any_row
from support.shops import START, Call, random_traces, rows_of
from support.why import opened

RANGE = {"from": str(START - 1), "to": str(START + 3_600_000_000)}


def tree(*calls, number=1):
    return build_tree(rows_of(Call("web", "GET /", 0, 100, calls, "server"), number), now_us=NOW)


def test_repeats_and_order_do_not_matter():
    """Y5: an N+1 over three rows and over fifty is one shape; another callee is another."""
    cache = Call("cache", "get", 1, 1)
    few, many = ([Call("db", "select", 2 + n, 1) for n in range(count)] for count in (3, 50))
    assert shape_of(tree(cache, *few)) == shape_of(tree(*many, cache, number=2))
    assert shape_of(tree(*few)) != shape_of(tree(cache, *few))
    assert outline(tree(cache, *many)) == [(0, "web", "GET /", 1), (1, "cache", "get", 1), (1, "db", "select", 50)]


@pytest.mark.parametrize("seed", range(10))
def test_shapes_equal_a_recount(seed):
    """Y5: every trace is in one shape, and a shape's link opens its traces."""
    traces = list(random_traces(seed, 30)) * 1
    rows = [row for trace in traces for row in trace]
    random.Random(seed).shuffle(rows)
    service = QueryService(MemoryReader(rows), clock=lambda: NOW)
    answer = service.shapes(RANGE)
    assert sum(shape["traces"] for shape in answer["shapes"]) == answer["traces"] == 30
    assert sum(shape["share"] for shape in answer["shapes"]) == pytest.approx(1, abs=1e-4)
    for shape in answer["shapes"][:5]:
        found = opened(service, shape["link"])
        assert found["count"] == found["calls"] == shape["traces"]
        assert shape["trace_id"] in {trace["trace_id"] for trace in found["traces"]}


def at(number, *calls, minute=0):
    return rows_of(Call("web", "GET /", 0, 1_000, calls, "server"), number, START + minute * 60_000_000)


def test_new_and_vanished_shapes_against_another_time():
    """Y5: what only the time before has is gone, what it has not is new; each link opens its traces."""
    cache, base = Call("cache", "get", 1, 1), Call("db", "select", 2, 1)
    rows = [row for n in range(1, 5) for row in at(n, cache)]
    rows += [row for n in range(5, 7) for row in at(n, cache, minute=10)]
    rows += [row for n in range(7, 10) for row in at(n, base, minute=10)] + at(10)
    service = QueryService(MemoryReader(rows), clock=lambda: NOW)
    middle = str(START + 300_000_000)
    answer = service.shapes(RANGE | {"from": middle, "base_from": RANGE["from"], "base_to": middle})
    assert [(s["traces"], s["base_traces"]) for s in answer["shapes"]] == [(3, 0), (2, 4)]
    (gone,) = answer["vanished"]
    assert (gone["traces"], gone["outline"]) == (1, [[0, "web", "GET /", 1]])
    assert (answer["traces"], answer["base_traces"]) == (5, 5)
    for shape in [*answer["shapes"], gone]:
        assert opened(service, shape["link"])["count"] == shape["traces"]
    alone = service.shapes(RANGE)
    assert (alone["base_traces"], alone["vanished"], alone["shapes"][0]["base_traces"]) == (None, [], None)


def test_a_bad_base_is_named():
    """R2: the complaint names the base's parameter."""
    service = QueryService(MemoryReader([]), clock=lambda: NOW)
    with pytest.raises(BadRequestError) as caught:
        service.shapes(RANGE | {"base_from": "then"})
    assert caught.value.field == "base_from"


def test_loops_are_ranked_by_what_they_cost():
    """Y5: calls of one parent one after the other cost all but the longest; at once they cost next to nothing."""
    slow = [Call("stock", "get", 10 * n, 10) for n in range(6)]
    quick = [Call("db", "select", 100 + n, 1) for n in range(50)]
    at_once = [Call("mail", "send", 500, 100 + n) for n in range(5)]
    few = [Call("few", "get", 700 + n, 1) for n in range(4)]
    rows = [row for n in (1, 2) for row in at(n, *slow, *quick, *at_once, *few)] + at(3, *slow)
    answer = QueryService(MemoryReader(rows), clock=lambda: NOW).shapes(RANGE)
    found = [(p["service"], p["traces"], p["calls"], p["most"], p["cost_us"]) for p in answer["repeats"]]
    assert found == [("stock", 3, 18, 6, 150), ("db", 2, 100, 50, 98), ("mail", 2, 10, 5, 0)]
    assert {tuple(p["caller"].values()) for p in answer["repeats"]} == {("web", "GET /")}


def test_a_loop_opens_the_traces_and_calls_that_it_counts():
    """Y5: not those in which the same calls are few, or are another caller's."""
    often, few = ([Call("db", "select", 10 * n, 5) for n in range(times)] for times in (7, 4))
    nested = Call("api", "list", 0, 90, often)
    rows = [*at(1, *often), *at(2, *few), *at(3, nested), *at(4, nested, *often), *at(5, nested, *few)]
    service = QueryService(MemoryReader(rows), clock=lambda: NOW)
    found = service.shapes(RANGE)["repeats"]
    assert {(p["caller"]["service"], p["traces"], p["calls"]) for p in found} == {("web", 2, 14), ("api", 3, 21)}
    for pattern in found:
        answer = opened(service, pattern["link"])
        assert (len(answer["traces"]), answer["calls"]) == (pattern["traces"], pattern["calls"])
        assert pattern["trace_id"] in {trace["trace_id"] for trace in answer["traces"]}
    assert service.search(RANGE | {"repeat": "0" * 16})["traces"] == []


@pytest.mark.parametrize("seed", range(5))
def test_loops_equal_a_recount(seed):
    """Y5: on random traces the cost is the number of microseconds that are covered, less the longest call's."""
    chance = random.Random(seed)
    calls = [Call("s", "x", begin := chance.randrange(400), chance.randrange(400 - begin)) for _ in range(8)]
    (found,) = QueryService(MemoryReader(at(1, *calls)), clock=lambda: NOW).shapes(RANGE)["repeats"]
    covered = {us for call in calls for us in range(call.at, call.at + call.took)}
    assert found["cost_us"] == len(covered) - max(call.took for call in calls)


@given(st.lists(any_row(), max_size=40))
def test_hostile_rows_have_loops_that_cost_no_less_than_nothing(rows):
    """R2: whatever comes, patterns are told and none saves time below zero."""
    for pattern in patterns([build_tree(rows, now_us=NOW)]):
        assert pattern.cost_us >= 0
        assert pattern.calls >= pattern.most >= 5


def test_a_shape_that_nothing_has():
    """R2: no such shape is an empty page; the words of a single trace's answer narrow nothing."""
    service = QueryService(MemoryReader(rows_of(Call("a", "x", 0, 1, (), "server"), 1)), clock=lambda: NOW)
    assert service.search(RANGE | {"shape": "0" * 16})["count"] == 0
    assert service.search(RANGE | {"shape": "tree"})["count"] == 1
