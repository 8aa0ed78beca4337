"""Y4: what got worse adds up, names what was planted, and says what appeared and vanished."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.why.critical import quantile
from hopline_query.why.reweighting import reweighted
from support.any_rows import NOW
from support.shops import START, Call, random_traces, rows_of

MIDDLE = START + 50_500
BOTH = {"base_from": str(START - 1), "base_to": str(MIDDLE), "from": str(MIDDLE), "to": str(START + 3_600_000_000)}


def ask(rows, **params):
    return QueryService(MemoryReader(rows), clock=lambda: NOW).worse(BOTH | params)


def shop(number, calls, took=1_000, name="GET /"):
    """One request of ``took`` us that makes these calls, in the first half up to number 50."""
    return rows_of(Call("web", name, 0, took, calls, "server"), number, START + number * 1_000)


def change(answer):
    return {(p["service"], p["operation"], p["cause"]): p["us"] for p in answer["parts"]}


def test_a_slower_callee_and_a_slower_network():
    """Y4: the callee takes 300 us longer itself, and 20 us go by on each way."""
    rows = [row for n in range(1, 101) for row in shop(n, [_stock(n)], 1_000 + 340 * (n > 50))]
    answer = ask(rows, service="web")
    assert change(answer) == {("stock", "get", "own"): 300.0, ("stock", "get", "network"): 40.0}
    assert (answer["before"]["avg_us"], answer["after"]["avg_us"]) == (1_000, 1_340)
    assert answer["appeared"] == answer["vanished"] == []


def _stock(number):
    return Call("stock", "get", 100, 840, out=20) if number > 50 else Call("stock", "get", 100, 500)


def test_more_calls_of_the_same_length():
    """Y4: three calls where one was, each as long as before."""
    rows = []
    for n in range(1, 101):
        calls = [Call("db", "select", 100 + 200 * k, 200) for k in range(3 if n > 50 else 1)]
        rows += shop(n, calls, 400 + 200 * len(calls))
    assert change(ask(rows, service="web")) == {("db", "select", "calls"): 400.0}


def test_another_mix_of_requests():
    """Y4: every request is as quick as ever, but more of them are of the slow kind."""
    rows = []
    for n in range(1, 101):
        slow = n % 10 == 0 if n <= 50 else n % 2 == 0
        rows += shop(n, (), 5_000 if slow else 100, "POST /report" if slow else "GET /")
    answer = ask(rows, service="web")
    assert {cause for _, _, cause in change(answer)} == {"mix"}
    assert sum(change(answer).values()) == pytest.approx(answer["after"]["avg_us"] - answer["before"]["avg_us"])


def test_what_appeared_and_vanished():
    """Y4: a cache went and a database came, twice a request."""
    rows = []
    for n in range(1, 101):
        new = [Call("db", "select", 10, 5), Call("db", "select", 20, 5)]
        rows += shop(n, new if n > 50 else [Call("cache", "get", 10, 5)])
    answer = ask(rows, service="web")
    assert answer["appeared"] == [{"service": "db", "operation": "select", "calls_per_trace": 2.0}]
    assert answer["vanished"] == [{"service": "cache", "operation": "get", "calls_per_trace": 1.0}]


@given(st.integers(0, 10_000), st.sampled_from("abcd"))
def test_the_parts_add_up(seed, service):
    """Y4: on random traces the parts are the difference of the means to the microsecond, largest first."""
    rows = [row for trace in random_traces(seed, 101) for row in trace]
    answer = ask(rows, service=service)
    sizes = [abs(part["us"]) for part in answer["parts"]]
    assert sizes == sorted(sizes, reverse=True)
    if answer["before"]["calls"] and answer["after"]["calls"]:
        assert sum(change(answer).values()) == pytest.approx(
            answer["after"]["avg_us"] - answer["before"]["avg_us"], abs=1
        )


def tail(answer):
    return {part["cause"]: part["us"] for part in answer["p95_parts"]}


def test_a_percentile_moves_by_time_by_calls_or_by_mix():
    """Y4: each planted cause takes the whole change of the p95 by reweighting."""
    slower = [row for n in range(1, 101) for row in shop(n, [_stock(n)], 1_000 + 340 * (n > 50))]
    assert tail(ask(slower, service="web")) == {"time": 340}
    loops = []
    for n in range(1, 101):
        calls = [Call("db", "select", 100 + 200 * k, 200) for k in range(3 if n > 50 and n % 2 else 1)]
        loops += shop(n, calls, 400 + 200 * len(calls))
    assert tail(ask(loops, service="web")) == {"calls": 400}
    mixed = []
    for n in range(1, 101):
        slow = n % 50 == 0 if n <= 50 else n % 2 == 0
        mixed += shop(n, (), 5_000 if slow else 100, "POST /report" if slow else "GET /")
    assert tail(ask(mixed, service="web")) == {"mix": 4_900}


@given(st.integers(0, 10_000), st.sampled_from("abcd"))
def test_the_parts_of_the_percentile_add_up(seed, service):
    """Y4: on random traces they are the difference of the p95, exactly."""
    answer = ask([row for trace in random_traces(seed, 101) for row in trace], service=service)
    if answer["before"]["calls"] and answer["after"]["calls"]:
        assert sum(tail(answer).values()) == answer["after"]["p95_us"] - answer["before"]["p95_us"]
    else:
        assert answer["p95_parts"] == []


took = st.lists(st.integers(0, 50), min_size=1, max_size=6)


@given(st.dictionaries(st.sampled_from("abc"), took), st.dictionaries(st.sampled_from("abc"), took, min_size=1))
def test_reweighting_equals_copying_the_calls(before, after):
    """Y4: giving a group another share is the percentile of so many copies of its calls (60 copies are whole)."""
    copies = [
        value
        for group, own in after.items()
        for value in before.get(group, own)
        for _ in range(60 * len(own) // len(before.get(group, own)))
    ]
    assert reweighted(before, after) == quantile(sorted(copies), 0.95)


def test_versions_and_empty_sides():
    """Y4: two versions instead of two periods; a side without calls has no mean and no parts."""
    rows = [row for trace in random_traces(1, 60) for row in trace]
    service = QueryService(MemoryReader(rows), clock=lambda: NOW)
    whole = {"from": str(START - 1), "to": str(START + 3_600_000_000), "service": "a"}
    answer = service.worse(whole | {"version": "2", "base_version": "1"})
    assert answer["before"]["calls"] > 0
    assert answer["after"]["calls"] > 0
    empty = service.worse(whole | {"version": "9", "base_version": "1"})
    assert (empty["after"], empty["parts"]) == ({"calls": 0, "avg_us": None, "p95_us": None}, [])
