"""The critical path."""

from hopline_query.tree.build import build_tree

NOW = 1_763_800_600_000_000


def path(rows):
    tree = build_tree(rows, now_us=NOW)
    return [(n.span_id, (b - tree.start_us) // 1000, (e - tree.start_us) // 1000) for n, b, e in tree.critical_path]


def test_walks_back_from_the_end(article):
    """T21: the last child decides the end, then the one that ended before it began."""
    assert path(article) == [
        ("0", 0, 10),
        ("0.1", 10, 20),
        ("0.1.1", 20, 40),
        ("0.1", 40, 50),
        ("0", 50, 60),
        ("0.2", 60, 80),
        ("0", 80, 100),
    ]


def test_parallel_children(row):
    """T21: of two that overlap only the later end counts."""
    rows = [
        row("0", "a", None, "server", dur=100, children=2),
        row("0.1", "b", "a", at=10, dur=50),
        row("0.2", "c", "a", at=20, dur=70),
    ]
    assert path(rows) == [("0", 0, 20), ("0.2", 20, 90), ("0", 90, 100)]


def test_consumers_are_off_the_path(row):
    """T14: nobody waits for a consumer."""
    rows = [row("0", "a", None, "server", dur=100, children=1), row("0.1", "b", "ff", "consumer", at=10, dur=80)]
    assert path(rows) == [("0", 0, 100)]
