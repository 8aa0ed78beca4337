"""Clock skew, moved on request."""

from hopline_query.tree.build import build_tree

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
