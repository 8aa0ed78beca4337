"""The critical path over all entry calls of an operation: who decides how long it takes (docs/critical-path.md).

The path is that of CRISP (Zhang et al., USENIX ATC 2022); drag and slack are those of the
critical path method (Kelley and Walker, 1959; drag: Devaux, *Total Project Control*, 1999).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hopline_query.why.schedule import Part, Schedule, drag, path, slacks, took

BANDS = ("all", "p50", "p95", "p99")

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


def quantile(ordered: Sequence[float], level: float) -> float:
    """The value at a level of sorted values, as the engine's exact quantile: no value in between is made up."""
    return ordered[min(len(ordered) - 1, int(level * len(ordered)))]


def bands(plans: Sequence[Schedule]) -> dict[str, Band]:
    """The parts of the path by band of what the calls took."""
    found = {name: Band() for name in BANDS}
    if not plans:
        return found
    ordered = sorted(plan.took_us for plan in plans)
    low, high, p95, p99 = (quantile(ordered, level) for level in (0.25, 0.75, 0.95, 0.99))
    for plan in plans:
        us = plan.took_us
        names = ["all"]
        names += ["p50"] if low <= us <= high else []
        names += ["p95"] if p95 <= us < p99 else []
        names += ["p99"] if us >= p99 else []
        _add(plan, [found[name] for name in names])
    return found


def what_if(plans: Sequence[Schedule], part: Part, factor: float) -> tuple[list[float], list[float]]:
    """The p50, p95 and p99 of what the calls took, and of what they would take if the part took ``factor`` of it."""
    before = sorted(float(plan.took_us) for plan in plans)
    after = sorted(took(plan, {part: factor}) for plan in plans)
    levels = (0.5, 0.95, 0.99)
    return [quantile(before, level) for level in levels], [quantile(after, level) for level in levels]


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
