"""Root causes of failures as JSON (docs/why.md)."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hopline.model import Row
from hopline_query.answers.dependencies import names_behind
from hopline_query.answers.forest import Calls, Forest, Grove
from hopline_query.answers.selection import answered, link, most_traces
from hopline_query.params import Params
from hopline_query.store.port import Scope, SearchQuery, SpanReader
from hopline_query.topology.addresses import unnamed
from hopline_query.topology.aggregate import callee_node
from hopline_query.topology.links import kind_of
from hopline_query.tree.node import Node, Tree
from hopline_query.why.causes import Cause, FarEnd, causes, explained, trouble_of

NOBODY: Mapping[str, str] = MappingProxyType({})

TREND = 30
"""Points of a trend."""

ENTRIES = 20
"""Entry operations that are listed of one cause."""


def answer(reader: SpanReader, forest: Forest, params: Params, known: AbstractSet[str]) -> dict[str, Any]:
    """The causes of all failing calls in the traces that the search finds."""
    query = replace(params.search(), errors=True)
    limit = params.number("limit", 100, 1, params.settings.most)
    grove = forest.grove(reader, query, most_traces(params))
    found, failures = causes(grove.trees, far_end(grove, known, _behind(reader, grove, query.scope)))
    return {
        "causes": [_json(cause, params, query.scope) for cause in found[:limit]],
        "failures": failures,
        "traces": len(grove.trees),
        **answered(query.scope, truncated=grove.truncated or len(found) > limit),
    }


def calls_of(reader: SpanReader, wanted: str, known: AbstractSet[str]) -> Calls:
    """The failing calls that began the trouble of this id (``/traces?cause=``)."""

    def look(grove: Grove, query: SearchQuery) -> Any:
        far = far_end(grove, known, _behind(reader, grove, query.scope))

        def nodes(tree: Tree) -> list[Node]:
            chosen = {id(node): node for node in explained(tree).values()}
            return [node for node in chosen.values() if trouble_of(node, far).id == wanted]

        return nodes

    return look


def far_end(grove: Grove, known: AbstractSet[str], behind: Mapping[str, str] = NOBODY) -> FarEnd:
    """Names far ends as the map does: a service that never reported is external; ``behind`` are services by address."""
    reporting = known | {service for summary in grove.summaries for service, _, _ in summary.services}

    def name(row: Row) -> str:
        key = behind.get(row.peer) if unnamed(row) else None
        return outside(key or callee_node(row), reporting)

    return name


def outside(key: str, reporting: AbstractSet[str]) -> str:
    """The node key of a far end as the map shows it: a service that never reported is external."""
    return f"external:{key}" if key and kind_of(key) == "service" and key not in reporting else key


def _behind(reader: SpanReader, grove: Grove, scope: Scope) -> dict[str, str]:
    """The services behind addresses that did not answer, by calls to the same places that were answered."""
    failing = (node for tree in grove.trees for node in tree.nodes if node.error)
    return names_behind(reader, {row.peer for node in failing for row in node.rows if unnamed(row)}, scope)


def _json(cause: Cause, params: Params, scope: Scope) -> dict[str, Any]:
    trouble = cause.trouble
    return {
        "cause": trouble.id,
        "service": trouble.service,
        "operation": trouble.operation,
        "error_type": trouble.error_type,
        "text": trouble.text
        or (f"no answer from {trouble.service.removeprefix('external:')}" if trouble.unanswered else ""),
        "caller": trouble.caller or None,
        "no_answer": trouble.unanswered,
        "count": cause.count,
        "echoes": cause.echoes,
        "traces": cause.traces,
        "hurt": cause.hurt,
        "recovered": cause.recovered,
        "users": len(cause.users),
        "entries": [
            {"service": service, "operation": operation, "count": count}
            for (service, operation), count in sorted(cause.entries.items(), key=lambda e: (-e[1], e[0]))[:ENTRIES]
        ],
        "versions": dict(sorted(cause.versions.items())),
        "first_seen_us": min(cause.starts),
        "last_seen_us": max(cause.starts),
        "newest_trace_id": cause.newest[1],
        "trend": _trend(cause.starts, scope),
        "link": link(params, scope, {"errors": "true", "cause": trouble.id, "traces": params.text("traces")}),
    }


def _trend(starts: list[int], scope: Scope) -> list[int]:
    """Failures by equal slots of the range; what began before or after it counts at its end."""
    width = scope.to_us - scope.from_us
    slots = [0] * TREND
    for start in starts:
        slots[min(TREND - 1, max(0, (start - scope.from_us) * TREND // width))] += 1
    return slots
