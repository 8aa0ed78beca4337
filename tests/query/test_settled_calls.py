"""Y2: the entry calls of settled traces are those of the trees, with the same marks, whoever made them."""

import itertools
from collections import Counter, defaultdict
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopline_query.store import settled_calls, settling
from hopline_query.store.settled_calls import COLUMNS
from hopline_query.tree.build import build_tree
from support.random_traces import ARRIVED, CHANGES, plain_trace
from support.shops import Call, random_traces, rows_of, straight_call
from support.stored_rows import insert_rows
from support.stores import store_of

_trials = itertools.count(1)
FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TWO = settings(FEW, max_examples=2)

VALUES = ("", "1", "2.50", "a=b", "größe", "x" * 256, "x" * 257, "é" * 256, "two\nlines", "-\t-")
PEERS = (("", ""), ("db", "shop"), ("mq", "orders"), ("cache", "c"), ("external", "pay"), ("service", "b"), ("", "x"))


@pytest.fixture(scope="module", params=("embedded", "server", "shards"))
def store(request):
    with store_of(request.param, request) as found:
        yield found


def dressed(source, rows):
    """The rows with tags, attributes, zones, far ends and callers of all sorts."""
    made = []
    for row in rows:
        kind, peer = source.choice(PEERS)
        held = {key: source.choice(VALUES) for key in source.sample(("k", "a", "tenant", "http.route"), 2)}
        more = {key: source.choice(VALUES) for key in source.sample(("k", "n", "stack"), source.randrange(3))}
        made.append(
            replace(
                row,
                zone=source.choice(("", "eu-1")),
                instance=source.choice(("", "h:1", "h:2")),
                peer=peer,
                peer_kind=kind,
                caller_service=source.choice(("", "A", "edge")),
                tags=row.tags | held,
                attrs=more,
            )
        )
    return made


def stored_calls(store, ids):
    """Trace id -> its entry calls that count, in order, marks in order."""
    columns = ", ".join(f"c.{name}" for name in COLUMNS)
    rows = store.ask(
        f"SELECT {columns} FROM {store.database}.settled_calls AS c"
        f" WHERE (trace_id, settled) NOT IN (SELECT trace_id, version FROM {store.database}.settled_stale)"
    )
    found = defaultdict(list)
    for row in rows:
        if (trace_id := bytes(row[0]).hex()) in ids:
            found[trace_id].append(ordered(row))
    return {trace_id: sorted(calls) for trace_id, calls in found.items()}


def ordered(row):
    value = dict(zip(COLUMNS, row, strict=True))
    value |= {"trace_id": bytes(value["trace_id"]), "marks": sorted(value["marks"])}
    sums = Counter()
    for part, us in zip(value["parts"], value["parts_us"], strict=True):
        sums[part] += us
    value |= {"parts": sorted(sums), "parts_us": [sums[part] for part in sorted(sums)]}
    return tuple(value[name] for name in COLUMNS)


def untold(call):
    """The call without the parts of its time."""
    return tuple(value for name, value in zip(COLUMNS, call, strict=True) if name not in {"told", "parts", "parts_us"})


def settle_and_compare(store, traces):
    shift = next(_trials) * 20_000_000
    traces = {key: [replace(row, arrived=row.arrived + shift) for row in rows] for key, rows in traces.items()}
    insert_rows(store, [row for rows in traces.values() for row in rows])
    assert settling.settle(store, ARRIVED + shift + 60_000_000) == len(traces)
    found = stored_calls(store, traces)
    for trace_id, rows in traces.items():
        # Of a trace without its root that nothing came into, no call is an entry call.
        calls = found.get(trace_id, [])
        version = calls[0][1] if calls else 0
        expected = settled_calls.of_tree(build_tree(rows, now_us=version), version)
        expected = sorted(map(ordered, expected))
        assert list(map(untold, calls)) == list(map(untold, expected)), rows
        # The store alone may leave the parts of a call to its rows; never the other way round.
        for call, wanted in zip(calls, expected, strict=True):
            assert call == wanted or not call[COLUMNS.index("told")], rows
    return [call for calls in found.values() for call in calls]


def new_id(source):
    return f"6921ca11{source.getrandbits(64):016x}{next(_trials):08x}"


@FEW
@given(seed=st.integers(0, 2**32), paths=st.booleans())
def test_calls_of_plain_traces_are_those_of_their_trees(store, seed, paths):
    """Y2: marks of the call, of those below it and of the root, by SQL alone."""
    source = Random(seed)
    made = {trace_id: plain_trace(source, trace_id, paths=paths) for trace_id in (new_id(source) for _ in range(25))}
    settle_and_compare(store, {trace_id: dressed(source, rows) for trace_id, rows in made.items()})


@FEW
@given(seed=st.integers(0, 2**32), paths=st.booleans())
def test_calls_of_odd_traces_are_those_of_their_trees(store, seed, paths):
    """Y2: lost rows, copies, unfinished ones, broken paths and ids, circles, skew."""
    source, made = Random(seed), {}
    for number in range(40):
        trace_id = new_id(source)
        rows = dressed(source, plain_trace(source, trace_id, paths=paths)[:100])
        for name in source.sample(list(CHANGES), source.choice((1, 1, 2))) if number else []:
            CHANGES[name](source, rows)
        made[trace_id] = rows
    settle_and_compare(store, made)


@TWO
@given(seed=st.integers(0, 2**32), paths=st.booleans(), clocks=st.booleans())
def test_parts_of_the_time_are_told_of_what_did_one_thing_after_the_other(store, seed, paths, clocks):
    """Y3: own time and network of a call and of those below it, with clocks that differ; the store tells nearly all."""
    source, made = Random(seed), {}
    skews = {service: source.randrange(-20_000, 20_000) * clocks for service in "abc"}
    for _ in range(30):
        trace_id = new_id(source)
        call = straight_call(source, 0, source.choice((0, 5, 1_000, 100_000)))
        rows = [replace(row, trace_id=trace_id, arrived=ARRIVED) for row in rows_of(call, 1)]
        made[trace_id] = [
            replace(row, start_us=row.start_us + skews[row.service], span_id=row.span_id * paths) for row in rows
        ]
    calls = settle_and_compare(store, made)
    told = [call for call in calls if call[COLUMNS.index("told")]]
    assert all(sum(call[COLUMNS.index("parts_us")]) == call[COLUMNS.index("duration_us")] for call in told)
    assert len(told) == len(calls) if not clocks else len(told) > len(calls) / 5


@TWO
@given(seed=st.integers(0, 2**32))
def test_parts_of_the_time_of_calls_beside_each_other_are_left_to_rows(store, seed):
    """Y3: asynchronous, late, parallel and failing calls, clients alone and servers alone."""
    source, made = Random(seed), {}
    for rows in random_traces(seed, 30):
        trace_id = new_id(source)
        made[trace_id] = [replace(row, trace_id=trace_id, arrived=ARRIVED) for row in rows]
    calls = settle_and_compare(store, made)
    assert 0 < sum(call[COLUMNS.index("told")] for call in calls) < len(calls)


@pytest.mark.parametrize("levels", [31, 32, 33, 70])
def test_a_deep_trace_keeps_every_mark(store, levels):
    """Y2: a chain of calls deeper than the store climbs is marked from its tree."""
    call = Call("s", "x", 0, 1, (), "server", tags={"level": str(levels)})
    for level in reversed(range(levels)):
        call = Call("s", "x", 0, levels - level + 1, (call,), "server", tags={"level": str(level)})
    trace_id = new_id(Random(levels))
    rows = [replace(row, trace_id=trace_id, arrived=ARRIVED) for row in rows_of(call, 1)]
    settle_and_compare(store, {trace_id: rows})
    counts = [sum("level" in mark for mark in call[-2]) for call in stored_calls(store, {trace_id})[trace_id]]
    # Each call has its own level's mark, those below it and the root's.
    assert sorted(counts) == [*range(2, levels + 2), levels + 1]


def test_late_rows_replace_the_calls(store):
    """Y2: a trace that rows come for later is settled anew, and its first calls count no more."""
    source = Random(5)
    trace_id = new_id(source)
    rows = dressed(source, plain_trace(source, trace_id, paths=False))
    first, late = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    shift = next(_trials) * 20_000_000 + 3_600_000_000
    insert_rows(store, [replace(row, arrived=ARRIVED + shift) for row in first])
    settling.settle(store, ARRIVED + shift + 60_000_000)
    insert_rows(store, [replace(row, arrived=ARRIVED + shift + 70_000_000) for row in late])
    settling.settle(store, ARRIVED + shift + 160_000_000)
    (found,) = stored_calls(store, {trace_id}).values()
    version = found[0][1]
    assert found == sorted(map(ordered, settled_calls.of_tree(build_tree(rows, now_us=version), version)))
