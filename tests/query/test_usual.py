"""Y4: a trace against its operation's usual run."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.errors import NotFoundError
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.tree.build import build_tree
from hopline_query.why.usual import unusual
from support.any_rows import NOW, any_row
from support.shops import START, Call, random_traces, rows_of

MS = 1_000


def shop(number, select=3 * MS, start=START):
    """A request that reads a database below an order, each call a little different from run to run."""
    read = Call("shop", "SELECT", 2 * MS, select, sides="client", peer_kind="db")
    orders = Call("orders", "POST /orders", 1 * MS, select + 2 * MS + number % 7, [read])
    return rows_of(Call("web", "POST /checkout", 0, select + 4 * MS + number % 5, [orders], "server"), number, start)


def ask(rows, trace_id):
    return QueryService(MemoryReader(rows), clock=lambda: NOW).usual(trace_id)


def test_the_slow_call_is_named_and_not_those_that_wait_for_it():
    """Y4: the SELECT usually takes 3 ms, here 480; its callers only wait."""
    rows = [row for n in range(1, 40) for row in shop(n, start=START + n * MS)] + shop(99, 480 * MS)
    answer = ask(rows, shop(99)[0].trace_id)
    (call,) = answer["calls"]
    assert (answer["service"], answer["operation"], answer["compared"]) == ("web", "POST /checkout", 39)
    assert (call["operation"], call["took_us"], call["usual_us"], call["calls"]) == ("SELECT", 480 * MS, 3 * MS, 39)
    assert call["sentence"] == "orders SELECT itself usually takes 3 ms, here 480 ms"


def test_a_large_trace_that_is_the_newest_is_compared_as_well():
    """Y4: its own rows count against no bound, for it is the others that are read."""
    rows = [row for n in range(1, 40) for row in shop(n, start=START + n * MS)]
    reads = [Call("shop", "SELECT", 2 * MS + n, 3 * MS, sides="client", peer_kind="db") for n in range(1_100)]
    reads.append(Call("shop", "SELECT", 9 * MS, 480 * MS, sides="client", peer_kind="db"))
    large = rows_of(Call("web", "POST /checkout", 0, 500 * MS, reads, "server"), 99, START + 60 * MS)
    answer = ask(rows + large, large[0].trace_id)
    assert answer["compared"] == 39


def test_the_giant_among_the_others_is_passed_over(monkeypatch):
    """Y4: as many as fit are compared, whole, and no more rows are read than they have."""
    monkeypatch.setattr("hopline_query.answers.usual.COMPARED_ROWS", 100)
    small = [row for n in range(1, 40) for row in shop(n, start=START + n * MS)]
    reads = [Call("shop", "SELECT", n, 3 * MS, sides="client", peer_kind="db") for n in range(200)]
    giant = rows_of(Call("web", "POST /checkout", 0, 500 * MS, reads, "server"), 98, START + 60 * MS)
    reader = MemoryReader(small + giant + shop(99, 480 * MS))
    read, asked = [], reader.many_rows
    monkeypatch.setattr(reader, "many_rows", lambda *of: [asked(*of), read.extend(of[0])][0])
    answer = QueryService(reader, clock=lambda: NOW).usual(shop(99)[0].trace_id)
    rows_each = len(shop(1))
    assert answer["compared"] == len(read) == 100 // rows_each
    assert [call["operation"] for call in answer["calls"]] == ["SELECT"]
    assert answer["calls"][0]["usual_us"] == 3 * MS


def test_a_usual_trace_has_nothing_that_stands_out():
    """Y4: so has one whose operation was seen too rarely, or at another time; an unknown one is not found."""
    usual = [row for n in range(1, 40) for row in shop(n)]
    assert ask(usual, shop(7)[0].trace_id)["calls"] == []
    few = [row for n in range(1, 5) for row in shop(n)] + shop(99, 480 * MS)
    assert ask(few, shop(99)[0].trace_id)["calls"] == []
    later = usual + shop(99, 480 * MS, START + 7_200_000_000)
    assert ask(later, shop(99)[0].trace_id) | {"freshness": 0} == {
        "trace_id": shop(99)[0].trace_id,
        "service": "web",
        "operation": "POST /checkout",
        "compared": 0,
        "calls": [],
        "freshness": 0,
    }
    with pytest.raises(NotFoundError):
        ask(usual, "1" * 32)


def test_what_is_told_of_random_traces_equals_a_recount():
    """Y4: each call that is told takes at least twice the median of its operation, and more by 5 % of the trace."""
    trees = [build_tree(rows, now_us=NOW) for rows in random_traces(3, 60)]
    told = 0
    for tree in trees:
        others = [other for other in trees if other is not tree]
        span = max(root.end for root in tree.roots) - min(root.start for root in tree.roots)
        for one in unusual(tree, others):
            same = [n for o in others for n in o.nodes if n.inner and (n.inner.service, n.inner.name) == one.kind]
            times = sorted(n.self_us for n in same if not n.placeholder and not n.unfinished and not n.one_way)
            assert (one.usual_us, one.calls) == (times[len(times) // 2], len(times))
            assert one.took_us >= 2 * one.usual_us
            assert one.took_us - one.usual_us >= 0.05 * span
            told += 1
    assert told > 0


@given(st.lists(any_row(), max_size=14), st.integers(0, 99))
def test_hostile_rows_are_held_against_hostile_rows(rows, seed):
    """R2: whatever comes, the answer holds what it says."""
    half = random.Random(seed).randrange(len(rows) + 1)
    one, other = (build_tree(part, now_us=NOW) for part in (rows[:half], rows[half:]))
    for call in unusual(one, [other] * 5):
        assert call.took_us >= 2 * call.usual_us
