"""One trace as a file in the formats of others: what people download, and what foreign APIs answer."""

from collections.abc import Callable

import msgspec

from hopline.model import Row
from hopline_query.exports import chrome, mermaid, otlp, table, zipkin
from hopline_query.tree.node import Tree
from hopline_query.tree.shapes import row_json


def _native(tree: Tree) -> bytes:
    return msgspec.json.encode([row_json(row) for row in rows_of(tree)])


def _zipkin(tree: Tree) -> bytes:
    return msgspec.json.encode(zipkin.spans(rows_of(tree)))


def _otlp(tree: Tree) -> bytes:
    return msgspec.json.encode(otlp.request(rows_of(tree)))


def _chrome(tree: Tree) -> bytes:
    return msgspec.json.encode(chrome.trace(tree))


FORMATS: dict[str, tuple[Callable[[Tree], bytes], str, str]] = {
    "json": (_native, "application/json", "json"),
    "csv": (lambda tree: table.csv_of(tree).encode(), "text/csv; charset=utf-8", "csv"),
    "zipkin": (_zipkin, "application/json", "zipkin.json"),
    "otlp": (_otlp, "application/json", "otlp.json"),
    "chrome": (_chrome, "application/json", "chrome.json"),
    "mermaid": (lambda tree: mermaid.sequence(tree).encode(), "text/plain; charset=utf-8", "mmd"),
}
"""Format -> how it is made, its media type, the end of its file name."""


def rows_of(tree: Tree) -> list[Row]:
    """All rows of a tree, in the order of its nodes."""
    return [row for node in tree.nodes for row in node.rows]
