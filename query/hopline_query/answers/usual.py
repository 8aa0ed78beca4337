"""A trace against its operation's usual run, as JSON (docs/why.md)."""

from typing import Any

from hopline_query.answers.forest import Forest
from hopline_query.params import HOUR_US, Params
from hopline_query.store.port import SearchQuery, SpanReader
from hopline_query.tree.node import Tree
from hopline_query.tree.summary import summarize
from hopline_query.why.usual import Unusual, unusual

COMPARED = 100
"""Traces of the same entry operation that are looked at, the newest within half an hour of this one."""

COMPARED_ROWS = 10_000
"""Rows of those traces together: larger ones are passed over, for a page asks beside everything else it does."""

MOST = 20
"""Calls that are listed."""


def answer(reader: SpanReader, forest: Forest, params: Params, tree: Tree) -> dict[str, Any]:
    """The calls of ``tree`` that take longer themselves than usual."""
    whole = summarize(tree)
    around = {
        "service": whole.service,
        "operation": whole.name,
        "entry": "true",
        "from": str(max(0, whole.start_us - HOUR_US // 2)),
        "to": str(whole.start_us + HOUR_US // 2),
        "load_test": "true" if whole.load_test else "",
    }
    search = params.instead(around).search()
    others = _others(reader, forest, search, tree.trace_id) if whole.service else []
    return {
        "trace_id": tree.trace_id,
        "service": whole.service,
        "operation": whole.name,
        "compared": len(others),
        "calls": [_json(one) for one in unusual(tree, others)[:MOST]],
    }


def _others(reader: SpanReader, forest: Forest, search: SearchQuery, trace_id: str) -> list[Tree]:
    return forest.grove(reader, search, COMPARED, without=trace_id, fitting=COMPARED_ROWS).trees


def _json(one: Unusual) -> dict[str, Any]:
    service, operation = one.kind
    return {
        "key": one.node.key,
        "service": service,
        "operation": operation,
        "took_us": one.took_us,
        "usual_us": one.usual_us,
        "calls": one.calls,
        "sentence": f"{service} {operation} itself usually takes {_ms(one.usual_us)} ms, here {_ms(one.took_us)} ms",
    }


def _ms(us: float) -> str:
    return f"{us / 1_000:.3g}" if us < 100_000 else f"{us / 1_000:.0f}"
