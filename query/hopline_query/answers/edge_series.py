"""One edge of the map slot by slot, or all calls to a node as its callers see them (L, D1)."""

from dataclasses import replace
from typing import Any

from hopline_query.latency.figures import PERMILLES, WEIGHT, describe, scaled
from hopline_query.params import Params
from hopline_query.store.planner import filling, fitted, oldest_of, unserved
from hopline_query.store.port import MOST_GROUPS, RECEIVED, FiguresQuery, SpanReader
from hopline_query.topology.links import Link

EXTERNAL = "external:"
"""How the map marks a far end that is known by its callers alone; rows name it without that."""

FIGURES = ("avg_us", *PERMILLES, "max_us")


def edge_series(reader: SpanReader, params: Params) -> dict[str, Any]:
    """The calls from ``caller`` to ``callee``, counted as on the map; without a caller what all callers told."""
    caller, callee = params.text("caller"), params.text("callee")
    scope = params.scope(params.settings.figures_range_us)
    query = fitted(FiguresQuery(scope, view="all", group="side", caller=caller, step_us=params.step(scope)))
    for name in dict.fromkeys((callee.removeprefix(EXTERNAL), callee)):
        found, scope, _ = reader.figures(replace(query, service=name))
        if found:
            break
    slots: dict[int, Link] = {}
    for (key, start), figures in found.items():
        received = key[2] in RECEIVED
        if caller or not received:
            link = slots.setdefault(start, Link(caller, callee))
            (link.server if received else link.client).add(figures)
    times = list(range(scope.from_us, scope.to_us, query.step_us))
    ends = [min(start + query.step_us, params.now_us) for start in times]
    lines = [
        _told(slots.get(start, Link(caller, callee)), max(1_000_000, end - start) / 1e6)
        for start, end in zip(times, ends, strict=True)
    ]
    named = {"service": callee, "operation": None, **({"caller": caller} if caller else {})}
    return {
        "step_us": query.step_us,
        "times": times,
        "filling": filling(times, query.step_us, params.now_us),
        "series": [{**named, **{name: [line[name] for line in lines] for name in lines[0]}}] if slots else [],
        "versions": [],
        "truncated": len(found) >= MOST_GROUPS,
        "unserved": unserved(scope, oldest_of(query)),
        "from_us": scope.from_us,
        "to_us": scope.to_us,
    }


def _told(link: Link, seconds: float) -> dict[str, Any]:
    """One slot: calls, failures and rate of the link, and the times of the side that stands for it."""
    described = describe(link.timed, seconds, 1)
    return {
        "calls": scaled(link.calls),
        "qps": round(link.calls / WEIGHT / seconds, 4),
        "errors": scaled(link.errors),
        "error_rate": round(link.errors / link.calls, 6) if link.calls else None,
        **{name: described[name] for name in FIGURES},
    }
