"""Root causes of failures as JSON (docs/why.md)."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from hopline.model import Row
from hopline_query.answers.dependencies import names_behind
from hopline_query.answers.forest import Calls, Forest, Grove
from hopline_query.answers.selection import answered, link, most_traces
from hopline_query.params import Params
from hopline_query.store.port import Caused, Naming, Scope, SearchQuery, Slots, SpanReader
from hopline_query.topology.addresses import unnamed
from hopline_query.topology.aggregate import callee_node
from hopline_query.topology.links import kind_of
from hopline_query.tree.node import Node, Tree
from hopline_query.why.causes import Cause, FarEnd, causes, explained, ordered, trouble_of

NOBODY: Mapping[str, str] = MappingProxyType({})

TREND = 30
"""Points of a trend."""

ENTRIES = 20
"""Entry operations that are listed of one cause."""


def answer(reader: SpanReader, forest: Forest, params: Params, known: AbstractSet[str]) -> dict[str, Any]:
    """The causes of all failing calls in the traces that the search finds."""
    query = replace(params.search(), errors=True)
    limit = params.number("limit", 100, 1, params.settings.most)
    bound = most_traces(params)
    written = reader.caused(query) if not params.text("traces") else None
    grove = forest.grove(written.rest if written else reader, query, bound, afresh=written is not None)
    settled = written.settled if written else None
    if settled:
        known = known | settled.services
    behind = _behind(reader, grove, query.scope, settled.addresses if settled else frozenset())
    slots = Slots(query.scope.from_us, query.scope.to_us - query.scope.from_us, TREND)
    found = settled.groups(_place(known | _services(grove), behind), slots) if settled else {}
    for trouble, cause in causes(grove.trees, far_end(grove, known, behind), slots.of).items():
        found.setdefault(trouble, Cause(trouble)).add(cause)
    listed = ordered(found.values())
    return {
        "causes": [_json(cause, params, query.scope) for cause in listed[:limit]],
        "failures": sum(cause.count + cause.echoes for cause in listed),
        "traces": len(grove.trees) + (settled.traces if settled else 0),
        **answered(query.scope, truncated=_cut(grove, written) or len(listed) > limit),
    }


@dataclass(frozen=True, slots=True)
class Among:
    """Where a cause is to be looked for."""

    traces: tuple[str, ...]
    """All settled traces that may hold it."""
    services: frozenset[str]
    """Services with a row in a failing trace."""


def among(reader: SpanReader, query: SearchQuery, wanted: str, known: AbstractSet[str], most: int) -> Among | None:
    """The newest ``most`` settled traces with a cause of this id; None where causes are not written beforehand."""
    written = reader.caused(query)
    if written is None:
        return None
    behind = names_behind(reader, written.settled.addresses, query.scope)
    name = _place(known | written.settled.services, behind)
    # What moved a moment ago may be settled when the list is used.
    found = [*written.settled.holding(wanted, name, most), *written.left]
    return Among(tuple(found), written.settled.services)


def _cut(grove: Grove, written: Caused | None) -> bool:
    return grove.truncated or (written is not None and written.truncated)


def calls_of(reader: SpanReader, wanted: str, known: AbstractSet[str]) -> Calls:
    """The failing calls that began the trouble of this id (``/traces?cause=``); ``known`` are services that report."""

    def look(grove: Grove, query: SearchQuery) -> Any:
        far = far_end(grove, known, _behind(reader, grove, query.scope))

        def nodes(tree: Tree) -> list[Node]:
            chosen = {id(node): node for node in explained(tree).values()}
            return [node for node in chosen.values() if trouble_of(node, far).id == wanted]

        return nodes

    return look


def far_end(grove: Grove, known: AbstractSet[str], behind: Mapping[str, str] = NOBODY) -> FarEnd:
    """Names far ends as the map does: a service that never reported is external; ``behind`` are services by address."""
    reporting = known | _services(grove)

    def name(row: Row) -> str:
        key = behind.get(row.peer) if unnamed(row) else None
        return outside(key or callee_node(row), reporting)

    return name


def _place(reporting: AbstractSet[str], behind: Mapping[str, str]) -> Naming:
    """The same of far ends by their node key and address."""
    return lambda node, address: outside(behind.get(address) or node, reporting) or "unknown"


def _services(grove: Grove) -> set[str]:
    return {service for summary in grove.summaries for service, _, _ in summary.services}


def outside(key: str, reporting: AbstractSet[str]) -> str:
    """The node key of a far end as the map shows it: a service that never reported is external."""
    return f"external:{key}" if key and kind_of(key) == "service" and key not in reporting else key


def _behind(reader: SpanReader, grove: Grove, scope: Scope, more: AbstractSet[str] = frozenset()) -> dict[str, str]:
    """The services behind addresses that did not answer, by calls to the same places that were answered."""
    failing = (node for tree in grove.trees for node in tree.nodes if node.error)
    return names_behind(reader, more | {row.peer for node in failing for row in node.rows if unnamed(row)}, scope)


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
        "first_seen_us": cause.first_us,
        "last_seen_us": cause.newest[0],
        "newest_trace_id": cause.newest[1],
        "trend": [cause.trend[slot] for slot in range(TREND)],
        "link": link(params, scope, {"errors": "true", "cause": trouble.id, "traces": params.text("traces")}),
    }
