"""Entry calls with the clocks of different hosts put right, where a callee's bar lies outside its caller's."""

from collections.abc import Iterable, Iterator

from hopline_query.tree.build import build_tree
from hopline_query.tree.node import Tree
from hopline_query.why.entries import Entry


def righted(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Each entry call, from a tree with adjusted times where a call at or below it needs them."""
    tree: Tree | None = None
    adjusted: Tree | None = None
    for entry in entries:
        if not any("outside_parent" in node.warnings for node in entry.below):
            yield entry
            continue
        if adjusted is None or tree is not entry.tree:
            tree = entry.tree
            adjusted = build_tree((row for node in tree.nodes for row in node.rows), now_us=0, adjust=True)
        yield _same(adjusted, entry)


def _same(adjusted: Tree, entry: Entry) -> Entry:
    for node in adjusted.nodes:
        for row in node.rows:
            if row == entry.row:
                return Entry(adjusted, node, row)
    return entry
