"""Entry calls: what comes into a service from outside, each by the row that tells of it.

A server or consumer row, or a row without a parent. Of a root that was called by a job,
both sides are entry calls, each of its own service.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hopline.model import Row
from hopline_query.search.matching import Found, meets
from hopline_query.store.judging import called_in, row_matches
from hopline_query.store.port import SearchQuery
from hopline_query.topology.aggregate import is_entry
from hopline_query.tree.node import Node, Tree


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry call: its tree, its node and the row by which the work came in."""

    tree: Tree
    node: Node
    row: Row

    @property
    def begin(self) -> int:
        """Start of the row's bar, clamped like the node's, in microseconds since the epoch."""
        return self.node.inner_start if self.row is self.node.inner else self.node.start

    @property
    def end(self) -> int:
        """End of the row's bar."""
        return self.node.inner_end if self.row is self.node.inner else self.node.end

    @property
    def took_us(self) -> int:
        """How long it took."""
        return self.end - self.begin

    @property
    def below(self) -> Sequence[Node]:
        """The call itself and every call below it, in pre-order."""
        return self.tree.nodes[self.node.index : self.node.index + self.node.subtree_nodes]


def entries_of(trees: Iterable[Tree], query: SearchQuery, found: Found) -> list[Entry]:
    """Entry calls that start in the range and meet, each by its own row, every condition on rows and the filter.

    Conditions on whole traces are the reader's: ``trees`` are those of its answer.
    """
    scope = query.scope
    return [
        Entry(tree, node, row)
        for tree in trees
        for called in (called_in((row for node in tree.nodes for row in node.rows), query),)
        for node in tree.nodes
        for row in node.rows
        if is_entry(row)
        and scope.from_us <= row.start_us < scope.to_us
        and row_matches(row, query, called)
        and meets((row,), query.expression, found)
    ]
