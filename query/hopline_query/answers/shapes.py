"""The shapes of traces as JSON, against those of another time; and searches by one (docs/why.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hopline_query.answers.forest import Calls, Forest, Grove
from hopline_query.answers.selection import answered, has_base, link, of_base
from hopline_query.params import Params
from hopline_query.store.port import SearchQuery, SpanReader
from hopline_query.tree.node import Node, Tree
from hopline_query.why.critical import quantile
from hopline_query.why.repeats import Pattern, patterns, repeated
from hopline_query.why.shapes import Shape, outline, shape_of, shapes


@dataclass(frozen=True, slots=True)
class _Side:
    """The shapes of one selection."""

    params: Params
    query: SearchQuery
    grove: Grove
    shapes: list[Shape]


def answer(reader: SpanReader, forest: Forest, params: Params) -> dict[str, Any]:
    """The shapes of the traces that the search finds, most frequent first; which are new, gone, and loop."""
    limit = params.number("limit", 100, 1, params.settings.most)
    now = _side(reader, forest, params)
    before = of_base(params, lambda chosen: _side(reader, forest, chosen)) if has_base(params) else None
    known = {shape.shape: len(shape.took_us) for shape in before.shapes} if before else None
    mine = {shape.shape for shape in now.shapes}
    gone = [shape for shape in before.shapes if shape.shape not in mine] if before else []
    loops = patterns(now.grove.trees)
    cut = max(len(now.shapes), len(gone), len(loops)) > limit
    return {
        "shapes": [
            _json(shape, now) | {"base_traces": None if known is None else known.get(shape.shape, 0)}
            for shape in now.shapes[:limit]
        ],
        "vanished": [_json(shape, before) for shape in gone[:limit]] if before else [],
        "repeats": [_pattern(pattern, now) for pattern in loops[:limit]],
        "traces": len(now.grove.trees),
        "base_traces": len(before.grove.trees) if before else None,
        **answered(
            now.query.scope, truncated=now.grove.truncated or cut or (before is not None and before.grove.truncated)
        ),
    }


def traces_of(wanted: str) -> Calls:
    """The roots of traces of one shape (``/traces?shape=``)."""

    def look(_grove: Grove, _query: SearchQuery) -> Any:
        def nodes(tree: Tree) -> Sequence[Node]:
            return tree.roots[:1] if shape_of(tree) == wanted.lower() else ()

        return nodes

    return look


def calls_repeated(wanted: str) -> Calls:
    """The calls that one call makes again and again (``/traces?repeat=``)."""

    def look(_grove: Grove, _query: SearchQuery) -> Any:
        def nodes(tree: Tree) -> Sequence[Node]:
            return repeated(tree, wanted.lower())

        return nodes

    return look


def _side(reader: SpanReader, forest: Forest, params: Params) -> _Side:
    query = params.search()
    grove = forest.grove(reader, query)
    return _Side(params, query, grove, shapes(grove.trees, grove.summaries))


def _json(shape: Shape, side: _Side) -> dict[str, Any]:
    took = sorted(shape.took_us)
    return {
        "shape": shape.shape,
        "traces": len(took),
        "share": round(len(took) / len(side.grove.trees), 6),
        "avg_us": round(sum(took) / len(took), 3),
        "p50_us": quantile(took, 0.5),
        "p99_us": quantile(took, 0.99),
        "errors": shape.errors,
        "first_seen_us": shape.first_seen_us,
        "last_seen_us": shape.last_seen_us,
        "outline": [list(line) for line in outline(shape.tree)] if shape.tree is not None else [],
        "trace_id": shape.newest[1],
        "link": link(side.params, side.query.scope, {"shape": shape.shape}),
    }


def _pattern(pattern: Pattern, side: _Side) -> dict[str, Any]:
    return {
        "repeat": pattern.id,
        "service": pattern.callee[0],
        "operation": pattern.callee[1],
        "caller": {"service": pattern.caller[0], "operation": pattern.caller[1]},
        "traces": pattern.traces,
        "calls": pattern.calls,
        "most": pattern.most,
        "cost_us": pattern.cost_us,
        "trace_id": pattern.worst[1],
        "link": link(side.params, side.query.scope, {"repeat": pattern.id}),
    }
