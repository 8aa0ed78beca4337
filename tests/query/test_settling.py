"""A settled row is what the trace's tree says, whether the store made it itself or Python did."""

import itertools
from collections import defaultdict
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopline_query.store import settling
from hopline_query.store.settled_rows import WRITTEN, calls_of, stored, tags_of
from hopline_query.tree.build import build_tree
from hopline_query.tree.summary import summarize
from support.random_traces import ARRIVED, CHANGES, plain_trace
from support.stored_rows import insert_rows
from support.stores import store_of

_trials = itertools.count(1)
FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=("embedded", "server", "shards"))
def store(request):
    with store_of(request.param, request) as found:
        yield found


@pytest.fixture
def from_trees(monkeypatch):
    """Ids of the traces that were settled from their trees."""
    ids = set()
    whole = settling._settle_trees

    def watched(store, asker, chunk, version):
        ids.update(one[0] for one in chunk)
        whole(store, asker, chunk, version)

    monkeypatch.setattr(settling, "_settle_trees", watched)
    return ids


def settled_rows(store, ids):
    """Trace id -> the row of ``settled`` that counts."""
    columns = ", ".join(f"s.{name}" for name in WRITTEN)
    found = store.ask(
        f"SELECT {columns} FROM {store.database}.settled AS s"
        f" WHERE (trace_id, version) NOT IN (SELECT trace_id, version FROM {store.database}.settled_stale)"
    )
    rows = [tuple(tuple(v.values()) if isinstance(v, dict) else v for v in row) for row in found]
    return {bytes(row[0]).hex(): row for row in rows if bytes(row[0]).hex() in ids}


def settle_and_compare(store, traces):
    trial = next(_trials)
    shift = trial * 20_000_000
    traces = {key: [replace(row, arrived=row.arrived + shift) for row in rows] for key, rows in traces.items()}
    insert_rows(store, [row for rows in traces.values() for row in rows])
    assert settling.settle(store, ARRIVED + shift + 60_000_000) == len(traces)
    found = settled_rows(store, traces)
    assert found.keys() == traces.keys()
    for trace_id, rows in traces.items():
        row = found[trace_id]
        version = row[1]
        summary = summarize(build_tree(rows, now_us=version))
        searched = (*tags_of(rows), *calls_of(rows))
        expected = (*stored(summary, version, max(one.start_us for one in rows)), *searched)
        got = dict(zip(WRITTEN, row, strict=True))
        assert got == dict(zip(WRITTEN, expected, strict=True)), rows


def new_id(source):
    return f"6921c0de{source.getrandbits(64):016x}{next(_trials):08x}"


@FEW
@given(seed=st.integers(0, 2**32), paths=st.booleans())
def test_plain_traces_are_settled_by_the_store(store, from_trees, seed, paths):
    """Whole traces of own ids, with paths or without: equal to the tree's figures, and no tree is built."""
    source = Random(seed)
    from_trees.clear()
    made = {}
    while len(made) < 20:
        trace_id = new_id(source)
        rows = plain_trace(source, trace_id, paths=paths)
        failing = sum(row.error for row in rows)
        if len(rows) <= 100 and (failing < 2 or (paths and all(row.kind != "consumer" for row in rows))):
            made[trace_id] = rows
    settle_and_compare(store, made)
    # Failures of one depth that begin at once are told apart by the tree alone.
    assert len(from_trees) <= 2
    assert all(sum(row.error for row in made[trace_id]) > 1 for trace_id in from_trees)


@FEW
@given(seed=st.integers(0, 2**32), paths=st.booleans())
def test_odd_traces_are_settled_as_their_trees_say(store, seed, paths):
    """Lost rows, copies, unfinished ones, broken paths and ids, circles, skew: the figures are those of the tree."""
    source, made = Random(seed), defaultdict(list)
    for number in range(50):
        trace_id = new_id(source)
        rows = plain_trace(source, trace_id, paths=paths)[:100]
        names = source.sample(list(CHANGES), source.choice((1, 1, 1, 2))) if number else []
        for name in names:
            CHANGES[name](source, rows)
        made[trace_id] = rows
    settle_and_compare(store, made)


@given(sizes=st.lists(st.integers(1, 3_000), max_size=60))
def test_wide_traces_are_marked_few_at_a_time(sizes):
    """Y7: marks of calls take memory by the pairs of a trace's rows; every trace comes once, a larger one alone."""
    found = [(f"{number:032x}", 0, 0, size) for number, size in enumerate(sizes)]
    parts = list(settling._by_pairs(found))
    assert [one for part in parts for one in part] == found
    assert all(len(part) == 1 or sum(one[3] ** 2 for one in part) <= settling.PAIRS for part in parts)
    assert all(
        sum(one[3] ** 2 for one in (*part, following[0])) > settling.PAIRS
        for part, following in itertools.pairwise(parts)
    )
