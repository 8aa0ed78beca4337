"""Trees of inputs from public reports of other tracers, as rows."""

from hopline_query.tree.build import build_tree
from hopline_query.tree.summary import summarize

NOW = 1_763_800_600_000_000


def outline(nodes):
    """[(name, [children]), ...], nested; placeholders have no name."""
    return [(n.inner.name if n.inner else None, outline(n.children)) for n in nodes]


def test_fan_out_of_one_message(row):
    """N14, T14: one root, the producer, and three consumers below it with their queue times."""
    rows = [row("", "c1", None, "producer", name="send", dur=4)]
    rows += [
        row("", f"c{n}", "c1", "consumer", name=f"on {n}", service=f"fan-{n}", at=n * 100, dur=0.001) for n in (5, 6)
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("send", [("on 5", []), ("on 6", [])])]
    assert [n.queue_us for n in tree.nodes] == [None, 496_000, 596_000]
    assert not any("several_roots" in n.warnings for n in tree.nodes)
    assert summarize(tree).duration_us == 4_000


def test_messaging_without_durations(row):
    """N13: both sides are shown as unfinished, the consumer below its producer."""
    rows = [
        row("", "b01", None, "producer", name="send", dur=None),
        row("", "b02", "b01", "consumer", name="poll", service="msg-consumer", at=500, dur=None),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("send", [("poll", [])])]
    assert all("unfinished" in n.warnings for n in tree.nodes)


def test_shared_span_without_a_parent(row):
    """N14: the server side finds its client by the shared id."""
    rows = [
        row("", "e1", None, "server", name="get /a", service="front", dur=100),
        row("", "e2", "e1", "client", name="get", service="front", at=10, dur=80),
        row("", "e2", None, "server", name="get /b", service="back", at=20, dur=60),
    ]
    assert outline(build_tree(rows, now_us=NOW).roots) == [("get /a", [("get /b", [])])]


def test_lost_middle(row):
    """T4: the parent that never came is a placeholder with its id, not an edge that was invented."""
    rows = [
        row("", "f01", None, "client", name="get", dur=90),
        row("", "f03", "fff", "server", name="get /m", service="m1", at=20, dur=30),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("get", []), (None, [("get /m", [])])]
    assert tree.missing == ["0000000000000fff"]


def test_self_parent_and_cycle(row):
    """T18: each is broken once and everything is shown once."""
    rows = [
        row("", "1701", "1701", "server", name="self"),
        row("", "1702", "1703", name="x", at=1),
        row("", "1703", "1702", name="y", at=2),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("self", []), ("x", [("y", [])])]


def test_a_far_annotation_stretches_nothing(row):
    """N5: a note hours away belongs to its span and moves no bar."""
    rows = [row("", "1401", None, "client", dur=50, annotations=[(1_763_777_000_000_000, "finish", "")])]
    assert summarize(build_tree(rows, now_us=NOW)).extent_us == 50_000
