"""A tree as CSV, safe to open in a spreadsheet."""

import csv
import io

from hopline_query.tree.node import Tree

COLUMNS = (
    *("span_id", "id", "parent_id", "kind", "service", "name", "instance", "start_us", "duration_us", "error"),
    *("error_type", "error_text", "peer", "peer_kind", "uid", "attempt", "version", "env", "zone"),
)
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters that make a spreadsheet read a formula (OWASP, CSV injection)."""


def csv_of(tree: Tree) -> str:
    """A line per row, in the order of the nodes, with tags as one column of ``key=value`` lines."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow((*COLUMNS, "tags"))
    for node in tree.nodes:
        for row in node.rows:
            tags = "\n".join(f"{key}={value}" for key, value in sorted((row.attrs | row.tags).items()))
            values = [getattr(row, name) for name in COLUMNS]
            values[0] = node.span_id
            writer.writerow(safe(value) for value in (*values, tags))
    return out.getvalue()


def safe(value: object) -> object:
    """Text that no spreadsheet takes for a formula: a quote before what could be one."""
    if isinstance(value, str) and value.startswith(RISKY):
        return f"'{value}"
    return "" if value is None else value
