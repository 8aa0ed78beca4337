"""What began the failures of a settled trace as rows of ``settled_causes``, made from its tree (docs/schema.md)."""

from typing import Any

from hopline_query.topology.addresses import unnamed
from hopline_query.topology.aggregate import callee_node
from hopline_query.tree.node import Tree
from hopline_query.tree.summary import TraceSummary
from hopline_query.why.causes import Began, began, trouble_of

COLUMNS = (
    *("trace_id", "settled", "began_us", "start_us", "node", "address", "operation", "error_type", "text", "caller"),
    *("version", "echoes", "hurt", "recovered", "entry_service", "entry_name", "uids"),
)
"""Columns of ``settled_causes``, as :func:`of_tree` answers them."""


def of_tree(tree: Tree, summary: TraceSummary, settled: int) -> list[tuple[Any, ...]]:
    """One row for each cause in a trace that was settled with this version."""
    return [(bytes.fromhex(tree.trace_id), settled, tree.start_us, *_own(one, summary)) for one in began(tree)]


def _own(one: Began, summary: TraceSummary) -> tuple[Any, ...]:
    trouble, row = trouble_of(one.node), one.node.inner
    return (
        one.node.start,
        callee_node(row) if row is not None and trouble.caller else trouble.service,
        row.peer if row is not None and trouble.caller and unnamed(row) else "",
        trouble.operation,
        trouble.error_type,
        trouble.text,
        trouble.caller,
        row.version if row is not None else "",
        one.echoes,
        int(one.hurt),
        int(one.recovered),
        *((summary.service, summary.name, list(summary.uids)) if one.hurt else ("", "", [])),
    )
