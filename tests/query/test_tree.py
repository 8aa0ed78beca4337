"""The call tree, case by case of the acceptance list."""

import pytest

from hopline_query.tree.build import build_tree

NOW = 1_763_800_600_000_000


def outline(nodes):
    """[(span_id, [children]), ...] of received and placeholder nodes, nested."""
    return [(n.span_id, outline(n.children)) for n in nodes]


def node(tree, span_id):
    return next(n for n in tree.nodes if n.span_id == span_id)


def test_article(article):
    """M2: A is 0, its callees B and E are 0.1 and 0.2, B's callee C is 0.1.1."""
    tree = build_tree(article, now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", [("0.1.1", [])]), ("0.2", [])])]
    assert (tree.state, tree.expected, tree.received, tree.missing) == ("complete", 4, 4, [])
    assert [n.depth for n in tree.nodes] == [0, 1, 2, 1]


def test_both_sides_share_a_node(article):
    """T1: client and server rows of one call are one node with two bars."""
    b = node(build_tree(article, now_us=NOW), "0.1")
    assert [r.kind for r in b.rows] == ["client", "server"]
    assert b.inner_start - b.start == 2_000
    assert b.end - b.inner_end == 4_000


def test_client_row_alone(row):
    """T2: a call whose server side did not come is a node that says so; the peer is known to report or not."""
    rows = [
        row("0", "a", None, "server", children=3),
        row("0.1", "b", "a", "client", peer="B", peer_kind="service"),
        row("0.2", "c", "a", "client", peer="shop", peer_kind="db"),
        row("0.3", "d", "a", "client", peer="B", error=True),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert "server_not_received" in node(tree, "0.1").warnings
    assert "server_not_received" not in node(tree, "0.2").warnings
    assert (tree.state, tree.missing, tree.expected) == ("complete", [], 4)
    assert build_tree(rows, now_us=NOW, instrumented=["B"]).state == "incomplete"


def test_server_row_alone(row):
    """T3: a server row without its client row takes its own times and hangs at its path."""
    rows = [row("0", "a", None, "server", children=1), row("0.1", "b", "ff", "server", service="B", caller_service="a")]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", [])])]
    assert node(tree, "0.1").rows[0].caller_service == "a"
    assert tree.state == "complete"


def test_missing_middle(row):
    """T4: placeholders with exact ids stand for every missing ancestor."""
    rows = [row("0", "a", None, "server", children=1), row("0.1.2.1", "d", "ff", "server", at=5)]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", [("0.1.1", []), ("0.1.2", [("0.1.2.1", [])])])])]
    assert node(tree, "0.1").placeholder
    assert node(tree, "0.1.2").placeholder
    assert sorted(tree.missing) == ["0.1", "0.1.1", "0.1.2"]
    assert (tree.expected, tree.received, tree.state) == (5, 2, "incomplete")


def test_children_of_a_lost_server_row_hang_below_its_client_row(row):
    """T4: the callee's row is lost but its children came: they belong to that call."""
    rows = [
        row("0", "a", None, "server", children=1),
        row("0.1", "b", "a", "client", peer="B"),
        row("0.1.1", "c", "ff", "client", service="B"),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", [("0.1.1", [])])])]
    assert tree.missing == []


def test_missing_root(row):
    """T5: a placeholder 0 stands for the root; the earliest child names the trace."""
    tree = build_tree([row("0.2", "c", "a", "client"), row("0.1", "b", "a", "client", at=5)], now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", []), ("0.2", [])])]
    assert tree.roots[0].placeholder
    assert "missing_root" in tree.roots[0].warnings
    assert tree.missing == ["0"]


def test_lost_leaves(row):
    """T6: a gap in the numbers and a higher count handed out both prove the loss."""
    tree = build_tree(
        [row("0", "a", None, "server", children=4), row("0.1", "b", "a"), row("0.3", "c", "a")], now_us=NOW
    )
    assert tree.missing == ["0.2", "0.4"]
    assert (tree.expected, tree.received) == (5, 3)
    assert "lost_leaf" in tree.roots[0].warnings
    assert [(n.span_id, n.lost) for n in tree.roots[0].children] == [
        ("0.1", False),
        ("0.2", True),
        ("0.3", False),
        ("0.4", True),
    ]


def test_a_lost_leaf_stands_between_its_siblings(row):
    """T6: nobody knows when the lost call was; it is drawn where its number puts it, without length."""
    rows = [row("0", "a", None, "server", children=3, dur=50), row("0.1", "b", "a", at=10), row("0.3", "c", "a", at=30)]
    tree = build_tree(rows, now_us=NOW)
    lost = node(tree, "0.2")
    assert lost.lost
    assert (lost.start - tree.start_us, lost.end - lost.start) == (20_000, 0)


def test_numbers_that_are_no_counters(row):
    """M6, N4: EagleEye's local rows end in 0, its consumers in a message's id: no gaps, but lost parents are named."""
    rows = [
        row("0", "", None, "server"),
        row("0.1", "", None, "client", at=1),
        row("0.1.0", "", None, "local", at=2),
        row("0.1.61170728", "", None, "consumer", at=3),
        row("0.2.9223372036854775807.1", "", None, "local", at=4),
        row("0.4", "", None, "client", at=5),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [
        (
            "0",
            [
                ("0.1", [("0.1.0", []), ("0.1.61170728", [])]),
                ("0.2", [("0.2.9223372036854775807", [("0.2.9223372036854775807.1", [])])]),
                ("0.3", []),
                ("0.4", []),
            ],
        )
    ]
    assert sorted(tree.missing) == ["0.2", "0.2.9223372036854775807", "0.3"]
    assert not any("malformed_path" in n.warnings for n in tree.nodes)


def test_children_numbered_after_the_row_was_sent(row):
    """T21: a number higher than the count that was sent is no warning."""
    tree = build_tree([row("0", "a", None, "server", children=0), row("0.1", "b", "a")], now_us=NOW)
    assert (tree.state, tree.expected) == ("complete", 2)


def test_a_hostile_count_costs_nothing(row):
    """T6: a count of a billion lost children is counted, and the first are named."""
    tree = build_tree([row("0", "a", None, "server", children=10**9)], now_us=NOW)
    assert tree.missing_total == 10**9
    assert tree.missing[:2] == ["0.1", "0.2"]
    assert len(tree.missing) == 1_000
    assert len(tree.nodes) < 100


def test_several_roots(row):
    """T7: two rows that claim 0 are kept, in time order, flagged."""
    rows = [row("0", "b", None, "server", at=5, service="B"), row("0", "a", None, "server", service="A")]
    tree = build_tree(rows, now_us=NOW)
    assert [r.rows[0].service for r in tree.roots] == ["A", "B"]
    assert all("several_roots" in r.warnings for r in tree.roots)


def test_duplicates_are_shown_once(article):
    """T8: exact duplicates change nothing."""
    once = build_tree(article, now_us=NOW)
    thrice = build_tree(article * 3, now_us=NOW)
    assert outline(thrice.roots) == outline(once.roots)
    assert thrice.rows == once.rows == 7


def test_several_receivers(row):
    """T9, T14, N14: every consumer of one message is a child of its producer, with its own subtree and queue time."""
    rows = [
        row("0", "a", None, "server", children=1),
        row("0.1", "p", "a", "producer"),
        row("0.1", "c1", "p", "consumer", service="B", at=20, children=1),
        row("0.1.1", "d1", "c1", "client", service="B", at=21),
        row("0.1", "c2", "p", "consumer", service="C", at=30, children=1),
        row("0.1.1", "d2", "c2", "client", service="C", at=31),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", [("0.1", [("0.1.1", [])]), ("0.1", [("0.1.1", [])])])])]
    (sent,) = tree.roots[0].children
    first, second = sent.children
    assert [r.service for r in sent.rows + first.rows + second.rows] == ["a", "B", "C"]
    assert [n.queue_us for n in tree.nodes] == [None, None, 10_000, None, 20_000, None]
    assert second.children[0].rows[0].service == "C"
    assert "several_receivers" in second.warnings
    assert "duplicate_path" not in second.warnings
    assert (tree.missing, tree.expected, tree.received) == ([], 4, 4)


def test_consumers_known_by_their_path_alone(row):
    """T14, M8: without ids the path tells the producer, and what a consumer did stays below it."""
    rows = [
        row("0", "", None, "server", children=1),
        row("0.1", "", None, "producer", at=1, dur=2),
        row("0.1", "", None, "consumer", at=9, children=2),
        row("0.1.1", "", None, "local", at=10),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", [("0.1", [("0.1.1", []), ("0.1.2", [])])])])]
    assert tree.missing == ["0.1.2"]
    assert tree.nodes[2].queue_us == 6_000


def test_a_consumer_that_does_not_know_the_path_takes_its_producers(row):
    """T14, T22, M10: a fragment below a message continues the producer's path."""
    rows = [
        row("0", "a", None, "server", children=1),
        row("0.1", "p", "a", "producer"),
        row("~", "c", "p", "consumer", service="B", at=20, children=1),
        row("~.1", "d", "c", "client", service="B", at=21),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", [("0.1", [("0.1.1", [])])])])]
    assert tree.missing == []


def test_an_open_producer_tells_no_queue_time(row):
    """T14: where the producer never finished, nobody knows how long the message waited."""
    rows = [row("0", "p", None, "producer", dur=None), row("0", "c", "p", "consumer", service="B", at=20)]
    tree = build_tree(rows, now_us=NOW)
    assert [n.queue_us for n in tree.nodes] == [None, None]
    assert len(tree.roots) == 1


def test_two_servers_answer_under_the_callers_id(row):
    """T9: shared ids (B3) and a retry below us: the same id and kind on two instances."""
    rows = [
        row("", "a", None, "client"),
        row("", "a", None, "server", service="B", instance="h1:1", at=1),
        row("", "a", None, "server", service="B", instance="h2:1", at=2),
        row("", "b", "a", "local", service="B", instance="h2:1", at=3),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert [len(r.rows) for r in tree.roots] == [2, 1]
    assert tree.roots[1].children[0].rows[0].id.endswith("b")


def test_finished_copy_wins(row):
    """T10: the finished copy wins and the annotations are united."""
    early = row("0", "a", None, "server", dur=None, annotations=[(1, "k", "early")], children=3)
    late = row("0", "a", None, "server", dur=10, annotations=[(2, "k", "late")], children=0)
    for rows in ([early, late], [late, early]):
        only = build_tree(rows, now_us=NOW).roots[0].rows[0]
        assert only.duration_us == 10_000
        assert [a[2] for a in only.annotations] == ["early", "late"]
        assert only.children == 3


def test_late_rows_move_the_state_on(article):
    """T11: what comes later is in the next read."""
    assert build_tree(article[:-2], now_us=NOW).state == "incomplete"
    assert build_tree(article, now_us=NOW).state == "complete"


@pytest.mark.parametrize(("age_s", "state"), [(29, "in_progress"), (31, "incomplete")])
def test_state_by_age(row, age_s, state):
    """T12: what is not complete is in progress for 30 s after its newest arrival."""
    rows = [row("0", "a", None, "server", children=2, arrived=NOW - age_s * 1_000_000)]
    assert build_tree(rows, now_us=NOW).state == state


def test_unfinished_root_is_not_complete(row):
    """T12: complete needs a finished root."""
    assert build_tree([row("0", "a", None, "server", dur=None)], now_us=NOW).state == "incomplete"


def test_one_way(row):
    """T14: the child may start after the parent ends; nobody waits for it."""
    rows = [
        row("0", "a", None, "server", children=1, dur=10),
        row("0.1", "p", "a", "producer", at=2, dur=1),
        row("0.1", "c", "p", "consumer", service="B", at=50, dur=20),
    ]
    tree = build_tree(rows, now_us=NOW, adjust=True)
    _, sent, received = tree.nodes
    assert received.parent is sent
    assert received.one_way
    assert received.skew_us == 0
    assert received.queue_us == 47_000
    assert (sent.end - sent.start, received.end - received.start) == (1_000, 20_000)
    assert [n.span_id for n, _, _ in tree.critical_path] == ["0", "0.1", "0"]
    assert tree.end_us - tree.start_us == 70_000


def test_async_child_outlives_its_parent(row):
    """T15: duration runs from the first start to the last end; the critical path clips."""
    tree = build_tree(
        [row("0", "a", None, "server", dur=10, children=1), row("0.1", "b", "a", at=5, dur=50)], now_us=NOW
    )
    assert tree.end_us - tree.start_us == 55_000
    assert [(n.span_id, (e - b) // 1000) for n, b, e in tree.critical_path] == [("0", 5), ("0.1", 5)]


def test_retries_in_order(row):
    """T16: retries are siblings in the order of their numbers, 2 before 10 (M6)."""
    rows = [row("0", "a", None, "server", children=10)]
    rows += [row(f"0.{n}", f"b{n}", "a", "client", attempt=n - 1, error=n < 10, at=50 - n) for n in range(1, 11)]
    children = build_tree(rows, now_us=NOW).roots[0].children
    assert [n.rows[0].attempt for n in children] == list(range(10))
    assert [n.error for n in children] == [True] * 9 + [False]


@pytest.mark.parametrize(
    ("start", "duration"), [(0, 5), (-5, 5), (10**18, 5), (None, 5), (1_763_800_000_000_000, -5), (1, 10**17)]
)
def test_impossible_times(row, start, duration):
    """T17: zero, negative, missing and absurd times are clamped and flagged."""
    rows = [
        row("0", "a", None, "server"),
        row("0.1", "b", "a", start_us=start, duration_us=duration),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert "time_clamped" in node(tree, "0.1").warnings
    assert all(n.end >= n.start for n in tree.nodes)


def test_self_parent(row):
    """T18: a row that names itself is a root, flagged."""
    tree = build_tree([row("", "a", "a")], now_us=NOW)
    assert "self_parent" in tree.roots[0].warnings


def test_cycle_is_cut_at_its_earliest_row(row):
    """T18: a circle is broken at the earliest row; everything is shown once."""
    rows = [row("", "a", "c", at=2), row("", "b", "a", at=1), row("", "c", "b", at=3), row("", "d", "c", at=4)]
    tree = build_tree(rows, now_us=NOW)
    assert [n.key[-1] for n in tree.nodes] == ["b", "c", "a", "d"] or len(tree.nodes) == 4
    assert tree.roots[0].key.endswith("b")
    assert "cycle" in tree.roots[0].warnings
    assert len(tree.roots) == 1


@pytest.mark.parametrize("path", ["0..1", "x", "0.-1", "0.01", "0." + "9" * 4300, "1.2", "~~", "0.1\n"])
def test_malformed_path(row, path):
    """T18: text that is no path is flagged and placed by its ids."""
    tree = build_tree([row("0", "a", None, "server"), row(path, "b", "a")], now_us=NOW)
    assert "malformed_path" in tree.roots[0].children[0].warnings


def test_truncation(row):
    """T20: over the limit the latest rows are cut, and the counts say so."""
    rows = [row("0", "a", None, "server", children=9)] + [row(f"0.{n}", f"b{n}", "a", at=n) for n in range(1, 10)]
    tree = build_tree(rows, now_us=NOW, limit=4)
    assert (tree.truncated, tree.rows, tree.total_rows) == (True, 4, 10)


def test_deep_and_wide(row):
    """T19: 1,000 levels of another tracer and 5,000 children, without recursion."""
    deep = [row("", f"{n:x}", f"{n - 1:x}" if n > 1 else None, at=n) for n in range(1, 1_001)]
    tree = build_tree(deep, now_us=NOW)
    assert tree.nodes[-1].depth == 999
    wide = [row("0", "a", None, "server", children=5_000)] + [row(f"0.{n}", f"{n:x}0", "a") for n in range(1, 5_001)]
    assert len(build_tree(wide, now_us=NOW).roots[0].children) == 5_000


def test_fragment_takes_its_place(row):
    """M10: the first row after a hop that does not know us is ~; the tree shows absolute paths."""
    rows = [
        row("0", "a", None, "server", children=1),
        row("0.1", "b", "a", "client"),
        row("", "f", "b", "server", service="proxy", at=1),
        row("~", "g", "f", "server", service="B", at=2, children=2),
        row("~.1", "h", "g", service="B", at=3),
        row("~.2", "i", "g", service="B", at=4),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", [("0.1.1", [("0.1.1.1", []), ("0.1.1.2", [])])])])]
    assert (tree.state, tree.missing, tree.derived) == ("unknown", [], True)


def test_fragment_without_its_parent(row):
    """M10: a fragment is exact in itself even where its parent never comes."""
    rows = [row("0", "a", None, "server"), row("~", "g", "ff", "server", at=2, children=2), row("~.2", "i", "g", at=4)]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("0", []), ("~", [("~.1", []), ("~.2", [])])]
    assert tree.missing == ["~.1"]


def test_derived_paths(row):
    """T22: rows without paths get them by parent, start and id; leaves are unknown, missing parents are named."""
    rows = [
        row("", "a", None, "server"),
        row("", "c", "a", at=2),
        row("", "b", "a", at=1),
        row("", "d", "c", at=3),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert [(n.span_id, n.key[-1], n.derived) for n in tree.nodes] == [
        ("0", "a", True),
        ("0.1", "b", True),
        ("0.2", "c", True),
        ("0.2.1", "d", True),
    ]
    assert tree.state == "unknown"
    orphan = build_tree([*rows, row("", "e", "ff", at=9)], now_us=NOW)
    assert orphan.missing == ["00000000000000ff"]
    assert orphan.state == "incomplete"


def test_shared_spans(row):
    """M1: Zipkin's shared span: client and server rows with one id are one node."""
    rows = [
        row("", "a", None, "server"),
        row("", "b", "a", "client"),
        row("", "b", "a", "server", service="B", at=1),
        row("", "c", "b", "local", service="B", at=2),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert [len(n.rows) for n in tree.nodes] == [1, 2, 1]
    assert tree.nodes[2].parent is tree.nodes[1]


def test_rows_without_ids_are_linked_by_path(row):
    """M8: rows of other path tracers carry no ids: the paths alone make the tree."""
    rows = [
        row("0", "", None, "server", children=1),
        row("0.1", "", None, "client", peer="B"),
        row("0.1", "", None, "server", service="B", at=1),
        row("0.1.1", "", None, "local", service="B", at=2),
    ]
    tree = build_tree(rows, now_us=NOW)
    assert outline(tree.roots) == [("0", [("0.1", [("0.1.1", [])])])]
    assert len(node(tree, "0.1").rows) == 2


def test_self_time_and_gap(article):
    """T21: self time is the callee's bar without its children; a gap counts from the sibling before."""
    tree = build_tree(article, now_us=NOW)
    assert node(tree, "0").self_us == 40_000
    assert node(tree, "0.1").self_us == 14_000
    assert node(tree, "0.2").gap_us == 10_000
    assert node(tree, "0.1").gap_us == 10_000
    assert node(tree, "0").subtree_nodes == 4


def test_empty():
    """T17: no rows are no tree, and no crash."""
    tree = build_tree([], now_us=NOW)
    assert (tree.state, tree.nodes) == ("unknown", [])
