"""The critical path over all entry calls of an operation as JSON (docs/critical-path.md)."""

from collections.abc import Sequence
from typing import Any

from hopline_query.answers import entry_calls
from hopline_query.answers.entry_calls import schedules, selected
from hopline_query.answers.forest import Forest
from hopline_query.answers.selection import answered, link, most_traces
from hopline_query.errors import BadRequestError
from hopline_query.params import Params
from hopline_query.store.port import SpanReader
from hopline_query.why.critical import Band, Limits, bands, limits, tail, united, what_if
from hopline_query.why.schedule import Part

NOTHING = Limits(0, 0, 0, 0, 0)
NO_BANDS = bands([], NOTHING)
"""Of no calls."""

MOST_FACTOR = 100.0
"""The largest factor of a "what if"."""


def answer(reader: SpanReader, forest: Forest, params: Params) -> dict[str, Any]:
    """The parts of the path by band, and what would be if one of them took longer or shorter."""
    asked = _what_if(params)
    paths = None if params.text("traces") else reader.paths(entry_calls.asked(params))
    chosen = selected(paths.rest if paths else reader, forest, params, most_traces(params), afresh=paths is not None)
    if paths and chosen.truncated:
        # What is left to rows is too much for one question: the newest traces stand for all.
        paths, chosen = None, selected(reader, forest, params)
    plans = schedules(chosen.entries)
    settled = paths.settled if paths and paths.settled.calls else None
    took_us = [plan.took_us for plan in plans]
    calls = len(plans) + (settled.calls if settled else 0)
    between = NOTHING
    if calls:
        between = settled.limits(took_us) if settled else limits(took_us)
    parts = bands(plans, between)
    after: list[float] = []
    if asked and calls:
        others = what_if(plans, *asked)
        told, after = settled.bands_and_tail(between, *asked, others) if settled else (NO_BANDS, tail(others))
    else:
        told = settled.bands(between) if settled else NO_BANDS
    parts = united(told, parts)
    found: dict[str, Any] = {
        "traces": calls,
        "bands": [_band(name, band) for name, band in parts.items()],
        "what_if": None,
        "link": link(params, chosen.query.scope, {"entry": "true"}),
    }
    if after:
        before = between.middle, between.p95, between.p99
        found["what_if"] = {"before": _quantiles(before), "after": _quantiles(after)}
    return found | answered(chosen.query.scope, truncated=chosen.truncated or (paths is not None and paths.truncated))


def _what_if(params: Params) -> tuple[Part, float] | None:
    text = params.text("what_if")
    if not text:
        return None
    named, _, number = text.rpartition("|")
    service, bar, operation = named.partition("|")
    try:
        factor = float(number)
    except ValueError:
        factor = -1.0
    if not bar or not 0 <= factor <= MOST_FACTOR:
        message = f"expected SERVICE|OPERATION|FACTOR with a factor of 0 to {MOST_FACTOR:g}, not {text[:64]!r}"
        raise BadRequestError(message, field="what_if", column=1)
    return Part(service, operation, "own"), factor


def _band(name: str, band: Band) -> dict[str, Any]:
    calls, took = band.calls, band.took_us
    parts: list[dict[str, Any]] = [
        {
            "service": part.service,
            "operation": part.operation,
            "wait": part.wait,
            "us": round(total.us / calls, 3),
            "share": round(total.us / took, 6) if took else 0.0,
            "drag_us": round(total.drag_us / calls, 3),
            "slack_us": round(total.slack_us / total.calls, 3),
            "calls": total.calls,
        }
        for part, total in band.parts.items()
    ]
    parts.sort(key=lambda p: (-p["us"], -p["drag_us"], p["service"], p["operation"], p["wait"]))
    return {"band": name, "traces": calls, "took_us": round(took / calls, 3) if calls else None, "parts": parts}


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in zip(("p50_us", "p95_us", "p99_us"), values, strict=True)}
