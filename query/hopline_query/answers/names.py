"""What can be offered in menus: services, operations, peers, instances, tags, environments (Q4)."""

from dataclasses import replace
from typing import Any

from hopline_collector import known_trace
from hopline_query.answers.dependencies import named_edges_of, reporting
from hopline_query.answers.figures import stats
from hopline_query.errors import BadRequestError
from hopline_query.latency.figures import Figures, scaled
from hopline_query.params import AHEAD_US, DAY_US, Params
from hopline_query.store.port import MOST_GROUPS, EdgesQuery, FiguresQuery, Scope, SpanReader
from hopline_query.topology.links import callee_key, kind_of, reporting_services

MOST = 1_000
"""Names in one answer by default."""


def services(reader: SpanReader, params: Params) -> dict[str, Any]:
    """Services that reported in the range, with the counts of their finished entry rows."""
    scope = params.scope(DAY_US, ahead_us=AHEAD_US)
    reported = reporting(reader, FiguresQuery(scope, histogram=False))
    unseen: tuple[Figures, int | None] = (Figures(), None)
    found = [
        {
            "service": name,
            "calls": scaled(entry.calls),
            "errors": scaled(entry.errors),
            "last_seen_us": last_seen_us,
            "kind": "service",
        }
        for name in sorted({*reported, *(name for (name,) in reader.names(scope, ("service",)))})
        for entry, last_seen_us in [reported.get(name, unseen)]
    ]
    return _cut("services", found, "service", scope, params)


def operations(reader: SpanReader, params: Params) -> dict[str, Any]:
    """Operations of a service (of all without one), by calls."""
    scope = params.scope(DAY_US, ahead_us=AHEAD_US)
    query = FiguresQuery(scope, view="all", service=params.text("service"), group="operation", histogram=False)
    values, _, _ = reader.figures(query)
    named = reader.names(scope, ("service", "name", "kind"), [query.service] if query.service else None)
    figures = {(key[0], key[1], key[2]): Figures() for key in named}
    figures |= {(key[0], key[1], key[2]): value for (key, _), value in values.items()}
    ranked = sorted(figures.items(), key=lambda o: (-o[1].calls, o[0]))
    found = [
        {
            "service": service,
            "name": name,
            "kind": kind,
            "calls": scaled(value.calls),
            "errors": scaled(value.errors),
            "last_seen_us": value.last_seen_us or None,
        }
        for (service, name, kind), value in ranked
    ]
    return {"service": query.service or None} | _cut("operations", found, "name", scope, params)


def peers(reader: SpanReader, params: Params, known: frozenset[str]) -> dict[str, Any]:
    """What a service calls: node keys of the map; ``known`` names services that reported at any time."""
    scope = params.scope(DAY_US, ahead_us=AHEAD_US)
    service = _required(params, "service")
    calls: dict[str, int] = {}
    edges, _ = named_edges_of(reader, EdgesQuery(scope, times=False), known)
    reporting = reporting_services(edges, known)
    for edge in edges:
        if edge.caller == service and edge.side in {"client", "producer"}:
            peer = callee_key(edge, reporting)
            calls[peer] = calls.get(peer, 0) + edge.figures.calls
    found = [{"peer": name, "kind": kind_of(name), "calls": scaled(count)} for name, count in sorted(calls.items())]
    return {"service": service} | _cut("peers", found, "peer", scope, params)


def instances(reader: SpanReader, params: Params) -> dict[str, Any]:
    """Processes of a service with their figures and first and last sight."""
    answer = stats(reader, params.overlaid({"group": "instance", "order_by": "calls", "limit": str(MOST)}), frozenset())
    seen = reader.instances(Scope(answer["from_us"], answer["to_us"]), params.text("service"))
    found = []
    for entry in answer["services"]:
        first, last = seen.get((entry["service"], entry["instance"], entry["version"]), (None, None))
        found.append(entry | {"first_seen_us": first, "last_seen_us": last})
    shared = {name: answer[name] for name in ("truncated", "from_us", "to_us")}
    return {"service": params.text("service") or None, "instances": found, **shared}


def tag_keys(reader: SpanReader, params: Params) -> dict[str, Any]:
    """Indexed tag keys, most frequent first."""
    scope, limit = params.scope(DAY_US, ahead_us=AHEAD_US), params.number("limit", 100, 1, MOST)
    # One more, for the canary's own; counts of keys do not tell load tests apart.
    found = reader.tags(scope, "", params.text("q"), limit + 2)
    found = [(key, rows) for key, rows in found if key != known_trace.TAG or scope.load_test]
    keys = [{"key": key, "rows": rows} for key, rows in found[:limit]]
    return {"keys": keys, "truncated": len(found) > limit, "from_us": scope.from_us, "to_us": scope.to_us}


def tag_values(reader: SpanReader, key: str, params: Params) -> dict[str, Any]:
    """Values of a tag, most frequent first."""
    scope, limit = params.scope(DAY_US, ahead_us=AHEAD_US), params.number("limit", 100, 1, MOST)
    found = reader.tags(scope, key, params.text("q"), limit + 1)
    values = [{"value": value, "rows": rows} for value, rows in found[:limit]]
    truncated = len(found) > limit
    return {"key": key, "values": values, "truncated": truncated, "from_us": scope.from_us, "to_us": scope.to_us}


def envs(reader: SpanReader, params: Params) -> dict[str, Any]:
    """Deployment environments."""
    scope = params.scope(7 * DAY_US)
    return {"envs": reader.envs(replace(scope, env="")), "from_us": scope.from_us, "to_us": scope.to_us}


def _required(params: Params, name: str) -> str:
    value = params.text(name)
    if not value:
        raise BadRequestError(f"{name} is needed here", field=name, column=1)
    return value


def _cut(name: str, found: list[dict[str, Any]], field: str, scope: Scope, params: Params) -> dict[str, Any]:
    """Those that hold the typed text, up to the limit."""
    typed = params.text("q").lower()
    kept = [item for item in found if typed in item[field].lower()]
    limit = params.number("limit", MOST, 1, 10_000)
    # As many groups as the store gives at most: it may hold more.
    truncated = len(kept) > limit or len(found) >= MOST_GROUPS
    return {name: kept[:limit], "truncated": truncated, "from_us": scope.from_us, "to_us": scope.to_us}
