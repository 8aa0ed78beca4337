"""Clock skew, moved on request."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hopline_query.answers import traces
from hopline_query.tree.build import build_tree
from hopline_query.tree.header import header

NOW = 1_763_800_600_000_000


def skewed(row, by, *, server_dur=20, host="B-host"):
    return [
        row("0", "a", None, "server", dur=100, children=1),
        row("0.1", "b", "a", "client", at=10, dur=30, peer="B"),
        row("0.1", "c", "b", "server", service="B", at=15 + by, dur=server_dur, instance=f"{host}:1", children=1),
        row("0.1.1", "d", "c", "client", service="B", at=20 + by, dur=5, instance=f"{host}:1", peer="db"),
    ]


def at_ms(value):
    return (value - 1_763_800_000_000_000) / 1000


def test_raw_by_default(row):
    """T13: raw times are shown, the doubt is flagged."""
    call = build_tree(skewed(row, -200), now_us=NOW).roots[0].children[0]
    assert at_ms(call.inner_start) == -185
    assert "outside_parent" in call.warnings
    assert call.skew_us is None


def test_slack_is_split_evenly(row):
    """T13: the subtree on that instance moves into the middle of its caller's window."""
    tree = build_tree(skewed(row, -200), now_us=NOW, adjust=True)
    call = tree.roots[0].children[0]
    assert at_ms(call.inner_start) == 15
    assert call.skew_us == 200_000
    assert at_ms(call.children[0].start) == 20
    assert call.children[0].skew_us == 200_000
    assert call.skew_reason
    assert at_ms(tree.start_us) == 0


def test_server_longer_than_client(row):
    """T13: a server row longer than its client's starts 1 us after it."""
    call = build_tree(skewed(row, -200, server_dur=40), now_us=NOW, adjust=True).roots[0].children[0]
    assert call.inner_start - call.start == 1


def test_a_callee_that_outlasts_its_caller_stays(row):
    """N7, T13: a longer callee that began after its caller is asynchronous: no clock is blamed."""
    rows = [
        row("", "a1", None, "server", service="async-parent", dur=100),
        row("", "a2", "a1", "client", service="async-parent", at=10, dur=10),
        row("", "b1", "a2", "server", service="async-child", at=700, dur=200),
        row("", "b2", "a1", "local", service="async-child", at=1_000, dur=200),
    ]
    raw, adjusted = (build_tree(rows, now_us=NOW, adjust=adjust) for adjust in (False, True))
    assert [(n.start, n.inner_start) for n in raw.nodes] == [(n.start, n.inner_start) for n in adjusted.nodes]
    assert not any("outside_parent" in n.warnings for n in raw.nodes)
    assert all(not n.skew_us for n in adjusted.nodes)


def test_what_the_raw_view_shows_as_right_keeps_its_distance(row):
    """N7: C's clock is as wrong as B's, so the raw view shows C inside B's call; both move by B's delta."""
    rows = [*skewed(row, -200), row("0.1.1", "e", "d", "server", service="C", at=-179, dur=3)]
    call = build_tree(rows, now_us=NOW, adjust=True).roots[0].children[0].children[0]
    assert (at_ms(call.start), at_ms(call.inner_start), call.skew_us) == (20, 21, 200_000)


def test_cap(row):
    """T13: more than 5 s is no clock: not moved, flagged."""
    call = build_tree(skewed(row, -6_000), now_us=NOW, adjust=True).roots[0].children[0]
    assert at_ms(call.inner_start) == -5_985
    assert "skew_too_large" in call.warnings


def test_never_between_rows_of_one_host(row):
    """T13: one host has one clock."""
    call = build_tree(skewed(row, -200, host="a-host"), now_us=NOW, adjust=True).roots[0].children[0]
    assert call.skew_us == 0


def test_a_right_clock_behind_a_skewed_one_stays(row):
    """T13: C's clock is right; only B's rows move, and C still lies inside them."""
    rows = [
        *skewed(row, -200),
        row("0.1.1", "e", "d", "server", service="C", at=21, dur=3),
    ]
    call = build_tree(rows, now_us=NOW, adjust=True).roots[0].children[0].children[0]
    assert at_ms(call.inner_start) == 21
    assert at_ms(call.start) == 20


CLOCKS = st.lists(st.integers(-2_000, 2_000), min_size=4, max_size=4)
"""By how many milliseconds the clock of each host is wrong; the first is the root's."""


def chain(row, clocks, late):
    """A calls B calls C calls D, each on a host of its own and inside its caller's time; ``late`` ms of A's own work
    go on after its answer. Each row has an annotation 1 ms after its start."""
    rows = [row("0", "s0", None, "server", service="S0", at=0, dur=100, children=2)]
    for depth, (off, caller) in enumerate(zip(clocks[1:], clocks, strict=False), 1):
        path = "0" + ".1" * depth
        at, dur = 10 * depth, 100 - 20 * depth
        rows += [
            row(path, f"c{depth}", f"s{depth - 1}", "client", service=f"S{depth - 1}", at=at + caller, dur=dur),
            row(
                path,
                f"s{depth}",
                f"c{depth}",
                "server",
                service=f"S{depth}",
                at=at + 5 + off,
                dur=dur - 9,
                children=int(depth < 3),
            ),
        ]
    rows.append(row("0.2", "late", "s0", "local", service="S0", at=90, dur=10 + late))
    rows = [
        replace(each, start_us=each.start_us + (clocks[0] * 1_000 if each.span_id in {"0", "0.2"} else 0))
        for each in rows
    ]
    return [replace(each, annotations=[(each.start_us + 1_000, "mark", each.id)]) for each in rows]


@given(clocks=CLOCKS, late=st.integers(0, 500))
def test_no_wrong_clock_is_work_after_the_answer(row, clocks, late):
    """T13, T15: whatever clocks say, in raw and adjusted times, only what A did late came after its answer."""
    for adjust in (False, True):
        tree = build_tree(chain(row, clocks, late), now_us=NOW, adjust=adjust)
        assert header(tree)["after_us"] == late * 1_000


@given(clocks=CLOCKS, adjust=st.booleans())
def test_events_stand_where_the_waterfall_draws_their_spans(row, clocks, adjust):
    """T13: an annotation 1 ms after its row's start is shown 1 ms after the start of that row's bar."""
    tree = build_tree(chain(row, clocks, 0), now_us=NOW, adjust=adjust)
    bars = {node.outer.id: node.start for node in tree.nodes} | {node.inner.id: node.inner_start for node in tree.nodes}
    found = traces.events(tree, 100)["events"]
    assert {e["value"]: e["ts_us"] - 1_000 for e in found} == bars
    assert {e["value"]: e["offset_us"] for e in found} == {i: at + 1_000 - tree.start_us for i, at in bars.items()}
    assert [e["ts_us"] for e in found] == sorted(e["ts_us"] for e in found)
