"""Structural search and its tables as JSON (docs/structure.md)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hopline_query.answers.forest import Calls, Forest, Grove
from hopline_query.answers.selection import answered, link
from hopline_query.errors import BadRequestError
from hopline_query.params import Params
from hopline_query.search.filter import And
from hopline_query.search.matching import Found, judged
from hopline_query.store.port import Scope, SearchQuery, SpanReader
from hopline_query.tree.node import Node, Tree
from hopline_query.why.selecting import selected, told, value_of
from hopline_query.why.structure import Query, Stage, conditions, parse, required

AROUND_US = 3_600_000_000
"""How far outside the range the rows of a selected call's trace are looked for."""

SHOWN = ("trace_id", "span_id", "service", "name", "kind", "start_us", "duration_us", "error")
"""Columns of the calls themselves, where no stage is asked."""


def answer(reader: SpanReader, forest: Forest, params: Params) -> dict[str, Any]:
    """The table of ``q``: one row a group, or a call where there is no stage."""
    text = params.text("q")
    if not text:
        raise BadRequestError("expected a query such as {service=checkout} | count()", field="q", column=1)
    asked = parse(text, "q")
    search = params.search()
    limit = params.number("limit", params.settings.most, 1, params.settings.most)
    grove = forest.grove(reader, candidates(search, asked))
    found = _judged(grove, asked, reader)
    calls = [(tree, node) for tree in grove.trees for node in _inside(tree, asked, found, search.scope)]
    if asked.stage is None:
        columns, rows = list(SHOWN), [_row(tree, node) for tree, node in calls[: limit + 1]]
    else:
        columns = [*asked.stage.by, _head(asked.stage)]
        rows = told(calls, asked.stage, search.scope.to_us - search.scope.from_us)
    return {
        "columns": columns,
        "rows": rows[:limit],
        "calls": len(calls),
        "link": link(params, search.scope, {"structure": asked.text}),
        **answered(search.scope, truncated=grove.truncated or len(rows) > limit),
    }


def searched(text: str) -> Query:
    """The query of a search (``/traces?structure=``), which has no stage."""
    asked = parse(text, "structure")
    if asked.stage is not None:
        raise BadRequestError("a search takes no stage: ask /query", field="structure", column=len(asked.text) + 1)
    return asked


def candidates(query: SearchQuery, asked: Query) -> SearchQuery:
    """The search for traces that may hold what is asked, by the equalities that it cannot do without.

    They may be met by rows outside the range, so rows of an hour around it are looked at too.
    """
    terms = required(asked.spansets)
    if query.by_any_row or not terms:
        return query
    scope = query.scope
    wide = replace(scope, from_us=max(0, scope.from_us - AROUND_US), to_us=scope.to_us + AROUND_US)
    return replace(query, scope=wide, expression=terms[0] if len(terms) == 1 else And(tuple(terms)))


def calls_of(asked: Query, scope: Scope, reader: SpanReader) -> Calls:
    """The calls that a query selects of which a row starts in the range."""

    def look(grove: Grove, _query: SearchQuery) -> Any:
        found = _judged(grove, asked, reader)

        def nodes(tree: Tree) -> Sequence[Node]:
            return _inside(tree, asked, found, scope)

        return nodes

    return look


def _inside(tree: Tree, asked: Query, found: Found, scope: Scope) -> list[Node]:
    """The selected calls of which a row starts in the range."""
    nodes = selected(tree, asked.spansets, found)
    return [node for node in nodes if any(scope.from_us <= row.start_us < scope.to_us for row in node.rows)]


def _judged(grove: Grove, asked: Query, reader: SpanReader) -> Found:
    texts: dict[str, Any] = {}
    for condition in conditions(asked.spansets):
        rows = (row for tree in grove.trees for node in tree.nodes for row in node.rows)
        texts |= {
            pattern: frozenset(texts.get(pattern, ())) | frozenset(held)
            for pattern, held in judged(rows, condition, reader.judge).items()
        }
    return texts


def _row(tree: Tree, node: Node) -> list[Any]:
    fields = [value_of(node, name) for name in ("service", "name", "kind")]
    took = None if node.unfinished else node.end - node.start
    return [tree.trace_id, node.span_id, *fields, node.start, took, node.error]


def _head(stage: Stage) -> str:
    return f"{stage.measure}({stage.key})"
