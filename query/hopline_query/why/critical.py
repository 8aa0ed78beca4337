"""The critical path over all entry calls of an operation: who decides how long it takes (docs/critical-path.md).

The path is that of CRISP (Zhang et al., USENIX ATC 2022); drag and slack are those of the
critical path method (Kelley and Walker, 1959; drag: Devaux, *Total Project Control*, 1999).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hopline_query.why.schedule import Part, Schedule, drag, path, slacks, took

BANDS = ("all", "p50", "p95", "p99")

LEVELS = (0.25, 0.5, 0.75, 0.95, 0.99)
"""Levels of :class:`Limits`."""

DRAGGED = 20
"""Parts of one call whose drag is recomputed, those with most time on its path: of the others it is their time."""


@dataclass(slots=True)
class PartSum:
    """One part over the calls of a band; microseconds."""

    us: int = 0
    drag_us: float = 0.0
    slack_us: float = 0.0
    calls: int = 0
    """Entry calls in which the part occurs."""


@dataclass(slots=True)
class Band:
    """The calls of a band and their parts."""

    calls: int = 0
    took_us: int = 0
    parts: dict[Part, PartSum] = field(default_factory=dict)


class Limits(NamedTuple):
    """What bounds the bands, and what half of the calls took at most: t(p) for each of :data:`LEVELS`, microseconds."""

    low: int
    middle: int
    high: int
    p95: int
    p99: int


def quantile(ordered: Sequence[float], level: float) -> float:
    """The value at a level of sorted values, as the engine's exact quantile: no value in between is made up."""
    return ordered[min(len(ordered) - 1, int(level * len(ordered)))]


def limits(took_us: Sequence[int]) -> Limits:
    """The limits of the bands of some calls, by what each took; there is at least one."""
    ordered = sorted(took_us)
    return Limits(*(int(quantile(ordered, level)) for level in LEVELS))


def bands(plans: Sequence[Schedule], between: Limits) -> dict[str, Band]:
    """The parts of the path by band of what the calls took."""
    found = {name: Band() for name in BANDS}
    for plan in plans:
        us = plan.took_us
        names = ["all"]
        names += ["p50"] if between.low <= us <= between.high else []
        names += ["p95"] if between.p95 <= us < between.p99 else []
        names += ["p99"] if us >= between.p99 else []
        _add(plan, [found[name] for name in names])
    return found


def united(some: Mapping[str, Band], others: Mapping[str, Band]) -> dict[str, Band]:
    """The bands of calls of two kinds, by the same limits."""
    found = {}
    for name in BANDS:
        one, other = some[name], others[name]
        parts = {part: _sum(one.parts.get(part), other.parts.get(part)) for part in one.parts | other.parts}
        found[name] = Band(one.calls + other.calls, one.took_us + other.took_us, parts)
    return found


def what_if(plans: Sequence[Schedule], part: Part, factor: float) -> list[float]:
    """What each call would take if the part took ``factor`` of what it took."""
    return [took(plan, {part: factor}) for plan in plans]


def tail(values: Sequence[float]) -> list[float]:
    """The p50, p95 and p99 of some values."""
    ordered = sorted(values)
    return [quantile(ordered, level) for level in (0.5, 0.95, 0.99)]


def _sum(one: PartSum | None, other: PartSum | None) -> PartSum:
    if one is None or other is None:
        return one or other or PartSum()
    sums = one.us + other.us, one.drag_us + other.drag_us, one.slack_us + other.slack_us
    return PartSum(*sums, one.calls + other.calls)


def _add(plan: Schedule, chosen: Sequence[Band]) -> None:
    on_path, _ = path(plan)
    slack = slacks(plan)
    longest = sorted((part for part in on_path if on_path[part]), key=lambda part: -on_path[part])
    dragged = {part: drag(plan, part) for part in longest[:DRAGGED]}
    for band in chosen:
        band.calls += 1
        band.took_us += plan.took_us
        for part, room in slack.items():
            total = band.parts.setdefault(part, PartSum())
            total.us += on_path.get(part, 0)
            total.drag_us += dragged.get(part, on_path.get(part, 0))
            total.slack_us += room
            total.calls += 1
