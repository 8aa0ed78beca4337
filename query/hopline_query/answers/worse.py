"""What got worse, as JSON (docs/why.md)."""

from collections.abc import Iterable
from typing import Any

from hopline_query.answers.entry_calls import Selected, base, schedules, selected
from hopline_query.answers.forest import Forest
from hopline_query.answers.selection import answered, link
from hopline_query.params import Params
from hopline_query.store.port import SpanReader
from hopline_query.why import worse
from hopline_query.why.reweighting import split
from hopline_query.why.worse import Side

MOST = 1_000
"""Parts, and calls that appeared or vanished, of one answer."""


def answer(reader: SpanReader, forest: Forest, params: Params) -> dict[str, Any]:
    """The change of the mean from the base to the selection, by part; and what calls came and went."""
    after, before = selected(reader, forest, params), base(reader, forest, params)
    sides = [_side(before), _side(after)]
    found = sorted(worse.parts(*sides).items(), key=lambda part: (-abs(part[1]), part[0]))
    tail = sorted(split(sides[0].took, sides[1].took).items(), key=lambda part: (-abs(part[1]), part[0]))
    came, went = worse.appeared(*sides), worse.appeared(*reversed(sides))
    return {
        "before": _json(sides[0]),
        "after": _json(sides[1]),
        "parts": [
            {"service": service, "operation": operation, "cause": cause, "us": round(us, 3)}
            for (service, operation, cause), us in found[:MOST]
        ],
        "p95_parts": [{"cause": cause, "us": round(us, 3)} for cause, us in tail if us],
        "appeared": _calls(came),
        "vanished": _calls(went),
        "link": link(params, after.query.scope, {"entry": "true"}),
        **answered(
            after.query.scope,
            truncated=after.truncated or before.truncated or max(len(found), len(came), len(went)) > MOST,
        ),
    }


def _side(chosen: Selected) -> Side:
    finished = [entry for entry in chosen.entries if entry.row.duration_us is not None]
    return worse.side(finished, schedules(finished))


def _json(side: Side) -> dict[str, Any]:
    known = side.calls > 0
    return {
        "calls": side.calls,
        "avg_us": round(side.avg_us, 3) if known else None,
        "p95_us": side.p95_us if known else None,
    }


def _calls(found: Iterable[tuple[tuple[str, str], float]]) -> list[dict[str, Any]]:
    return [
        {"service": service, "operation": operation, "calls_per_trace": round(often, 6)}
        for (service, operation), often in list(found)[:MOST]
    ]
