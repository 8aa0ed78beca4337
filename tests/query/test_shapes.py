"""The JSON of a trace."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.tree import shapes
from hopline_query.tree.build import build_tree
from hopline_query.tree.node import WARNINGS
from support.any_rows import NOW, any_row


@given(st.lists(any_row(), max_size=25), st.randoms(use_true_random=False), st.booleans())
def test_order_and_copies_never_show(rows, random, adjust):
    """T21: any order and any duplication of the input gives the same JSON; everything is shown once."""
    tree = build_tree(rows, now_us=NOW, adjust=adjust)
    shown = [id_ for n in tree.nodes for r in n.rows for id_ in [(r.id, r.kind, r.service, r.instance, r.start_us)]]
    assert len(shown) == tree.rows
    shuffled = rows + random.sample(rows, len(rows) // 2)
    random.shuffle(shuffled)
    again = build_tree(shuffled, now_us=NOW, adjust=adjust)
    for shape in (shapes.tree_json, shapes.flat_json, shapes.timeline_json):
        assert msgspec.json.encode(shape(again)) == msgspec.json.encode(shape(tree))


@given(st.lists(any_row(), max_size=25))
def test_figures_fit_together(rows):
    """T21: expected = received + missing, pre-order agrees with parents and sizes, the path covers its root."""
    tree = build_tree(rows, now_us=NOW)
    assert tree.expected == tree.received + tree.missing_total
    for index, node in enumerate(tree.nodes):
        assert node.index == index
        assert node.parent is None or node.parent.index < index < node.parent.index + node.parent.subtree_nodes
        assert 0 <= node.self_us <= node.inner_end - node.inner_start
    main = tree.main
    if main is not None:
        assert sum(end - begin for _, begin, end in tree.critical_path) == main.end - main.start


def test_contract_keys(article):
    """Q1: the answer has the names that outside readers rely on."""
    value = json.loads(msgspec.json.encode(shapes.tree_json(build_tree(article, now_us=NOW))))
    assert {"trace_id", "state", "expected", "received", "missing", "roots"} <= set(value)
    top = value["roots"][0]
    assert {"span_id", "service", "name", "placeholder", "warnings", "rows", "children"} <= set(top)
    assert [c["span_id"] for c in top["children"]] == ["0.1", "0.2"]
    assert top["children"][0]["network"] == {"out_us": 2_000, "in_us": 4_000, "total_us": 6_000}
    assert top["children"][0]["caller_service"] == "A"
    assert value["services"] == [
        {"service": service, "nodes": 1, "spans": rows, "errors": 0}
        for service, rows in zip("ABCE", (3, 2, 1, 1), strict=True)
    ]


def test_deep_trees_can_be_read_by_common_readers(row):
    """T19: 1,000 levels come as nested pieces that a recursive JSON reader can take."""
    rows = [row("", f"{n:x}", f"{n - 1:x}" if n > 1 else None, at=n) for n in range(1, 1_001)]
    value = json.loads(msgspec.json.encode(shapes.tree_json(build_tree(rows, now_us=NOW))))
    assert len(value["continued"]) == 4
    assert value["continued"][0]["node"]["depth"] == 200
    assert value["nodes"] == 1_000


def test_timeline_columns(article):
    """U9: columns of one length, string tables, two bars."""
    value = shapes.timeline_json(build_tree(article, now_us=NOW))
    columns = value["columns"]
    assert {len(column) for column in columns.values()} == {4}
    assert [value["service_table"][i] for i in columns["service"]] == ["A", "B", "C", "E"]
    assert list(columns["parent"]) == [-1, 0, 1, 0]
    assert list(columns["inner_start"]) == [-1, 12_000, 22_000, 63_000]
    assert value["critical_path"][0] == [0, 0, 10_000]


def test_window_follows_the_focus(article):
    """Q1: a window of a large trace can be moved to a node, or re-rooted."""
    tree = build_tree(article, now_us=NOW)
    focus = tree.find("0.2")
    value = shapes.flat_json(tree, limit=1, focus=focus)
    assert [n["span_id"] for n in value["nodes"]] == ["0.2"]
    assert value["window"] == {"offset": 3, "limit": 1, "total": 4, "root": None}
    below = shapes.tree_json(tree, tree.find("0.1"))
    assert [r["span_id"] for r in below["roots"]] == ["0.1"]
    assert below["window"]["total"] == 2


def test_placeholder_knows_its_caller(row):
    """T4, T5: a placeholder tells what its children's headers know; the earliest child names the trace."""
    rows = [row("0.1", "b", "ff", "server", service="B", caller_service="gateway", caller_name="GET /", at=3)]
    value = shapes.tree_json(build_tree(rows, now_us=NOW))
    assert (value["roots"][0]["service"], value["roots"][0]["name"]) == ("gateway", "GET /")
    assert (value["service"], value["name"]) == ("B", "op 0.1")


def test_failure_is_the_deepest(row):
    """Q2: where and why it failed is told by the deepest failing row."""
    rows = [
        row("0", "a", None, "server", error=True, error_type="BadGateway", children=1, dur=50),
        row("0.1", "b", "a", "client", error=True, error_type="HTTP504", at=1),
        row("0.1", "c", "b", "server", service="B", error=True, error_type="Timeout", error_text="slow", at=2),
    ]
    value = shapes.tree_json(build_tree(rows, now_us=NOW))
    assert value["failure"]["service"] == "B"
    assert value["failure"]["error_type"] == "Timeout"
    assert value["errors"] == 2


@given(st.lists(any_row(), max_size=25))
def test_rows_are_marked_for_what_is_wrong_with_them(rows):
    """T21: a row of the waterfall bears the mark of a warning where it has one; worth knowing is not enough."""
    tree = build_tree(rows, now_us=NOW)
    flags = shapes.timeline_json(tree)["columns"]["flags"]
    for node, bits in zip(tree.nodes, flags, strict=True):
        assert bool(bits & shapes.WARNED) == ("warning" in {WARNINGS[code][0] for code in node.warnings})
        assert bool(bits & shapes.DERIVED) == node.derived
