"""Y3: the critical path over many entry calls, drag, slack and "what if", against plain recomputations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.errors import BadRequestError
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import Scope, SearchQuery
from hopline_query.tree.build import build_tree
from hopline_query.why.entries import Entry, entries_of
from hopline_query.why.schedule import Part, drag, path, schedule, slacks, took
from support.any_rows import NOW, any_row
from support.shops import START, Call, random_traces, rows_of

RANGE = {"from": str(START - 1), "to": str(START + 3_600_000_000)}
HUGE = Scope(0, 2**62, load_test="true")


def entry_calls(rows):
    tree = build_tree(rows, now_us=NOW)
    return entries_of([tree], SearchQuery(HUGE, entry=True), {})


def own(service, operation="x"):
    return Part(service, operation, "own")


def shop():
    """gateway 0-100 calls b 10-40 and, beside it, c 10-60 (2 us of network each way), then d 70-90."""
    calls = [Call("b", "x", 10, 30), Call("c", "x", 10, 50, out=2), Call("d", "x", 70, 20)]
    return rows_of(Call("gateway", "x", 0, 100, calls, "server"), 1)


def test_drag_and_slack_by_hand():
    """Y3: b runs beside c: 20 us could go by unnoticed; without c the gateway would wait for b."""
    (entry,) = [e for e in entry_calls(shop()) if e.row.service == "gateway"]
    plan = schedule(entry)
    network = Part("c", "x", "network")
    assert path(plan)[0] == {own("gateway"): 30, own("c"): 46, network: 4, own("d"): 20}
    assert slacks(plan) == {own("gateway"): 0, own("b"): 20, own("c"): 0, network: 0, own("d"): 0}
    assert (drag(plan, own("c")), drag(plan, own("d")), drag(plan, own("gateway"))) == (20, 20, 30)
    assert took(plan, {own("b"): 2.0}) == 110
    assert took(plan, {own("c"): 0.5}) == 80


def test_the_answer_by_band():
    """Y3: means per call, the parts add up; a "what if" moves the percentiles."""
    rows = [
        row for n in range(1, 101) for row in rows_of(Call("a", "x", 0, n, [Call("b", "y", 0, n // 2)], "server"), n)
    ]
    service = QueryService(MemoryReader(rows), clock=lambda: NOW)
    answer = service.critical_path(RANGE | {"service": "a", "what_if": "b|y|0"})
    assert [(b["band"], b["traces"], b["took_us"]) for b in answer["bands"]] == [
        ("all", 100, 50.5),
        ("p50", 51, 51.0),
        ("p95", 4, 97.5),
        ("p99", 1, 100.0),
    ]
    assert answer["what_if"]["before"] == {"p50_us": 51.0, "p95_us": 96.0, "p99_us": 100.0}
    assert answer["what_if"]["after"] == {"p50_us": 26.0, "p95_us": 48.0, "p99_us": 50.0}
    for band in answer["bands"]:
        assert sum(part["us"] for part in band["parts"]) == pytest.approx(band["took_us"])


def test_a_bound_of_its_own_passes_over_what_does_not_fit():
    """Y3: ``traces=2`` is the newest two and 20 rows: one of them has more; the answer says that it is cut."""
    sizes = {1: 5, 2: 5, 3: 5, 4: 60}
    rows = [
        row
        for n, calls in sizes.items()
        for row in rows_of(Call("a", "x", 0, 10 * n, [Call("b", "y", 0, 1)] * calls, "server"), n, START + n)
    ]
    answer = QueryService(MemoryReader(rows), clock=lambda: NOW).critical_path(RANGE | {"service": "a", "traces": "2"})
    assert (answer["traces"], answer["truncated"]) == (1, True)
    assert answer["bands"][0]["took_us"] == 30.0


@pytest.mark.parametrize(
    ("field", "params"),
    [("service", {}), *(("what_if", {"service": "a", "what_if": t}) for t in ("x", "a|b|z", "a|b|-1", "a|b|nan"))],
)
def test_bad_input_names_the_field(field, params):
    """R2: no service, or a "what if" that cannot be read."""
    with pytest.raises(BadRequestError) as caught:
        QueryService(MemoryReader(), clock=lambda: NOW).critical_path(RANGE | params)
    assert caught.value.field == field


def test_nothing_selected():
    """Y3: an empty selection has empty bands."""
    answer = QueryService(MemoryReader(), clock=lambda: NOW).critical_path(
        RANGE | {"service": "a", "what_if": "a|x|0.5"}
    )
    assert (answer["traces"], answer["what_if"]) == (0, None)
    assert {band["took_us"] for band in answer["bands"]} == {None}


def page_path(tree):
    """Own time by service and operation, along the path of the trace page."""
    found = {}
    for node, begin, end in tree.critical_path:
        key = (node.inner.service, node.inner.name) if node.inner else ("", "")
        found[key] = found.get(key, 0) + end - begin
    return found


def slowed(entry, part, factor):
    """Recursive recomputation by the words of docs/critical-path.md, with nothing of the schedule in it."""

    def length(node, begin, end, outer):
        inner = (node.inner_start, node.inner_end) if outer and node.two_sided else (begin, end)
        name = (node.inner.service, node.inner.name) if node.inner else ("", "")
        bars = [(max(c.start, begin), min(c.end, end), c) for c in node.children if not c.detached]
        bars = [bar for bar in bars if bar[1] > bar[0]]

        def moment(at):
            ended = [bar for bar in bars if bar[1] <= at]
            since = max((bar[1] for bar in ended), default=begin)
            worked = max(0, min(at, inner[1]) - max(since, inner[0]))
            times = {"own": worked, "network": at - since - worked}
            more = sum(us * (factor if Part(*name, wait) == part else 1) for wait, us in times.items())
            return max((moment(bar[0]) + length(bar[2], bar[0], bar[1], True) for bar in ended), default=0) + more

        return moment(end)

    return length(entry.node, entry.begin, entry.end, False)


@pytest.mark.parametrize("seed", range(30))
def test_random_traces_equal_a_recomputation(seed):
    """Y3: path, drag and "what if" on asynchronous, late, parallel and failing calls, one by one."""
    for rows in random_traces(seed, 30):
        tree = build_tree(rows, now_us=NOW)
        for entry in entry_calls(rows):
            plan = schedule(entry)
            on_path, _ = path(plan)
            assert sum(on_path.values()) == plan.took_us == took(plan, {}) == entry.took_us
            if entry.node is tree.main:
                mine = {}
                for part, us in on_path.items():
                    mine[part[:2]] = mine.get(part[:2], 0) + us
                assert {k: v for k, v in mine.items() if v} == {k: v for k, v in page_path(tree).items() if v}
            for part in list(slacks(plan))[:3]:
                assert took(plan, {part: 0.5}) == pytest.approx(slowed(entry, part, 0.5))
                assert drag(plan, part) == pytest.approx(entry.took_us - slowed(entry, part, 0.0))
                assert drag(plan, part) <= on_path.get(part, 0)


@given(st.lists(any_row(), max_size=14), st.integers(0, 50))
def test_slack_is_what_nobody_notices(rows, more):
    """Y3: on hostile rows too, one call longer by its slack ends nothing later; by more, it does."""
    for entry in entry_calls(rows):
        plan = schedule(entry)
        assert took(plan, {}) == plan.took_us
        room = slacks(plan)
        for place, step in enumerate(plan.steps):
            names = {part: Part(f"{place}", part.operation, part.wait) for part in (step.own, step.network)}
            alone = [
                s if n != place else type(s)(names[s.own], names[s.network], *_longer(s, more))
                for n, s in enumerate(plan.steps)
            ]
            later = took(type(plan)(tuple(alone), plan.took_us), {})
            single = slacks(
                type(plan)(
                    tuple(
                        s if n != place else type(s)(names[s.own], s.network, s.joins, s.ended, s.stops)
                        for n, s in enumerate(plan.steps)
                    ),
                    plan.took_us,
                )
            )
            assert later == plan.took_us + max(0, more - single[names[step.own]])
            assert room[step.own] <= single[names[step.own]]


def _longer(step, more):
    """The joins of a step whose last stretch of own work is longer."""
    last = step.joins[-1]
    return (*step.joins[:-1], last._replace(own=last.own + more)), step.ended, step.stops


def test_both_sides_of_a_root_are_entry_calls():
    """Y3: a job that called a server without a parent is an entry call of its own service, with the network around."""
    rows = rows_of(Call("job", "x", 0, 1, [Call("a", "y", 0, 100, out=10)], "local"), 1)
    client, server = (row for row in rows if row.kind in {"client", "server"})
    client.parent_id, client.span_id, server.span_id = None, "0", "0"
    found = entry_calls([client, server])
    assert [(entry.row.kind, entry.took_us) for entry in found] == [("client", 100), ("server", 80)]
    assert isinstance(found[0], Entry)
