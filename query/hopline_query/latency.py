"""Figures from log-bucket histograms: percentiles, Apdex, averages (L1, L2).

Bucket ``b`` holds durations from 1.04^b to 1.04^(b+1) microseconds, so its middle errs
by 2 % at most, and histograms of any slots, services or instances can be added. All sums
are integers in thousandths of a call, as the store keeps them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

BASE: Final = 1.04
LOG_BASE: Final = math.log(BASE)
PERMILLES: Final = {"p50_us": 500, "p75_us": 750, "p90_us": 900, "p95_us": 950, "p99_us": 990, "p999_us": 999}
"""Name of a percentile -> thousandths."""

SMALL: Final = 100
"""Fewer sampled rows than this say little about a percentile: the answer marks them."""

WEIGHT: Final = 1_000
"""Thousandths in one call."""


def bucket(duration_us: int) -> int:
    """The bucket of a duration, as the store's views count it."""
    return int(math.log(max(duration_us, 1)) / LOG_BASE)


def bucket_bounds(index: int) -> tuple[int, int]:
    """First and last+1 microsecond of a bucket, rounded."""
    return round(BASE**index), round(BASE ** (index + 1))


def bucket_value(index: int) -> int:
    """The duration that stands for a bucket."""
    return round(float(BASE ** (index + 0.5)))


@dataclass(slots=True)
class Figures:
    """Mergeable figures of one group; sums carry weights in thousandths."""

    calls: int = 0
    errors: int = 0
    rows: int = 0
    duration_sum: int = 0
    duration_max: int = 0
    hist: dict[int, int] = field(default_factory=dict)
    last_seen_us: int = 0

    def add(self, other: "Figures") -> None:
        """Merge another group into this one."""
        self.calls += other.calls
        self.errors += other.errors
        self.rows += other.rows
        self.duration_sum += other.duration_sum
        self.duration_max = max(self.duration_max, other.duration_max)
        self.last_seen_us = max(self.last_seen_us, other.last_seen_us)
        for index, weight in other.hist.items():
            self.hist[index] = self.hist.get(index, 0) + weight

    def count(self, duration_us: int, weight: int, *, error: bool, start_us: int = 0) -> None:
        """Count one finished row."""
        self.calls += weight
        self.errors += weight * error
        self.rows += 1
        self.duration_sum += weight * duration_us
        self.duration_max = max(self.duration_max, duration_us)
        self.last_seen_us = max(self.last_seen_us, start_us)
        index = bucket(duration_us)
        self.hist[index] = self.hist.get(index, 0) + weight


def percentiles(hist: Mapping[int, int], permilles: Iterable[int], greatest: int | None = None) -> list[int | None]:
    """Durations below which so many thousandths of the calls stayed; None for an empty histogram.

    A percentile never exceeds ``greatest``, the exact maximum.
    """
    total = sum(hist.values())
    if not total:
        return [None for _ in permilles]
    ordered = sorted(hist.items())
    answers: list[int | None] = []
    for permille in permilles:
        reached = 0
        for index, weight in ordered:
            reached += weight
            if reached * 1_000 >= total * permille:
                value = bucket_value(index)
                answers.append(value if greatest is None else min(value, greatest))
                break
    return answers


def share_within(hist: Mapping[int, int], duration_us: int) -> float | None:
    """Per cent of the calls that took no longer, to a bucket's exactness; None for an empty histogram."""
    total = sum(hist.values())
    if not total:
        return None
    last = bucket(duration_us)
    return round(100 * sum(weight for index, weight in hist.items() if index <= last) / total, 1)


def apdex(hist: Mapping[int, int], errors: int, limit_us: int) -> float | None:
    """Apdex: satisfied within the limit, half for those within four times it; failures count as frustrated.

    Failed calls are taken from the satisfied share, because the histogram does not tell them apart.
    """
    total = sum(hist.values())
    if not total:
        return None
    satisfied = sum(w for b, w in hist.items() if bucket_value(b) <= limit_us)
    tolerating = sum(w for b, w in hist.items() if limit_us < bucket_value(b) <= 4 * limit_us)
    return round(max(0.0, min(1.0, (max(satisfied - errors, 0) + tolerating / 2) / total)), 4)


def slow(hist: Mapping[int, int], limit_us: int) -> float:
    """Calls that took longer than four times the limit."""
    return scaled(sum(w for b, w in hist.items() if bucket_value(b) > 4 * limit_us))


def scaled(thousandths: int) -> float | int:
    """Calls from thousandths: an integer where it is one."""
    whole, rest = divmod(thousandths, WEIGHT)
    return thousandths / WEIGHT if rest else whole


def describe(figures: Figures, seconds: float, apdex_t_us: int) -> dict[str, Any]:
    """The figures of one group as the API gives them."""
    calls = figures.calls
    values = percentiles(figures.hist, PERMILLES.values(), figures.duration_max)
    return {
        "calls": scaled(calls),
        "errors": scaled(figures.errors),
        "qps": round(calls / WEIGHT / seconds, 4) if seconds else 0.0,
        "success_rate": round(1 - figures.errors / calls, 6) if calls else None,
        "error_rate": round(figures.errors / calls, 6) if calls else None,
        "avg_us": round(figures.duration_sum / calls, 1) if calls else None,
        "max_us": figures.duration_max if calls else None,
        **dict(zip(PERMILLES, values, strict=True)),
        "apdex": apdex(figures.hist, figures.errors, apdex_t_us),
        "sampled": figures.rows,
        "estimated": calls != figures.rows * WEIGHT,
        "small_sample": 0 < figures.rows < SMALL,
        "last_seen_us": figures.last_seen_us or None,
    }


def histogram(hist: Mapping[int, int]) -> list[tuple[int, int, float | int]]:
    """``(lower_us, upper_us, calls)`` of the buckets that are not empty, in order."""
    return [(*bucket_bounds(index), scaled(weight)) for index, weight in sorted(hist.items())]
