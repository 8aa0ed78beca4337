"""Figures from log-bucket histograms: percentiles, Apdex, averages (L1, L2).

Bucket ``b`` holds durations from 1.04^b to 1.04^(b+1) microseconds, so its middle errs
by 2 % at most, and histograms of any slots, services or instances can be added. All sums
are integers in thousandths of a call, as the store keeps them.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import Any, Final

BASE: Final = 1.04
LOG_BASE: Final = math.log(BASE)
PERMILLES: Final = {"p50_us": 500, "p75_us": 750, "p90_us": 900, "p95_us": 950, "p99_us": 990, "p999_us": 999}
"""Name of a percentile -> thousandths."""

PLACED: Final = tuple(PERMILLES.values())
"""Thousandths whose percentiles the store reads itself: it gives their buckets in this order."""

SMALL: Final = 100
"""Fewer sampled rows than this say little about a percentile: the answer marks them."""

WEIGHT: Final = 1_000
"""Thousandths in one call."""

SECOND_US: Final = 1_000_000


def bucket(duration_us: int) -> int:
    """The bucket of a duration, as the store's views count it."""
    return int(math.log(max(duration_us, 1)) / LOG_BASE)


def bucket_bounds(index: int) -> tuple[int, int]:
    """First and last+1 microsecond of a bucket, rounded."""
    return round(BASE**index), round(BASE ** (index + 1))


def least_of(index: int) -> int:
    """The shortest whole duration that lies in a bucket or above; 0 for the first."""
    if index <= 0:
        return 0
    found = math.ceil(BASE**index)
    # The power is rounded: the bucket itself decides.
    while bucket(found) < index:
        found += 1
    while bucket(found - 1) >= index:
        found -= 1
    return found


@cache
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
    first_seen_us: int = 0
    """Begin of the first slot with calls; 0 where no slots were read."""
    failed: dict[int, int] = field(default_factory=dict)
    """Histogram of the failing calls alone."""
    status_4xx: int | None = 0
    """Calls that were answered with an HTTP status of 400 to 499; None where that is not counted."""
    placed: tuple[int, ...] = ()
    """Buckets of the percentiles :data:`PLACED`, in place of a histogram that stayed in the store."""

    def add(self, other: "Figures") -> None:
        """Merge another group into this one; of two groups with calls, percentiles are known from histograms alone."""
        self.placed = () if self.rows and other.rows else self.placed or other.placed
        self.calls += other.calls
        self.errors += other.errors
        self.rows += other.rows
        self.duration_sum += other.duration_sum
        self.duration_max = max(self.duration_max, other.duration_max)
        self.last_seen_us = max(self.last_seen_us, other.last_seen_us)
        if other.first_seen_us:
            self.first_seen_us = min(other.first_seen_us, self.first_seen_us or other.first_seen_us)
        if self.status_4xx is not None:
            self.status_4xx = None if other.status_4xx is None else self.status_4xx + other.status_4xx
        for mine, theirs in ((self.hist, other.hist), (self.failed, other.failed)):
            if not mine:
                mine.update(theirs)
                continue
            for index, weight in theirs.items():
                mine[index] = mine.get(index, 0) + weight

    def count(
        self, duration_us: int | None, weight: int, *, error: bool, start_us: int = 0, status_4xx: bool = False
    ) -> None:
        """Count one row; None is the duration of a message whose time is not known."""
        self.calls += weight
        self.errors += weight * error
        self.rows += 1
        self.last_seen_us = max(self.last_seen_us, start_us)
        if duration_us is None:
            return
        self.duration_sum += weight * duration_us
        self.duration_max = max(self.duration_max, duration_us)
        if self.status_4xx is not None:
            self.status_4xx += weight * status_4xx
        index = bucket(duration_us)
        for hist in (self.hist, self.failed) if error else (self.hist,):
            hist[index] = hist.get(index, 0) + weight


def percentiles(hist: Mapping[int, int], permilles: Iterable[int], greatest: int | None = None) -> list[int | None]:
    """Durations below which so many thousandths of the calls stayed; None for an empty histogram.

    A percentile never exceeds ``greatest``, the exact maximum.
    """
    wanted = list(permilles)
    found = places(hist, wanted)
    if not found:
        return [None for _ in wanted]
    return [value if greatest is None else min(value, greatest) for value in map(bucket_value, found)]


def places(hist: Mapping[int, int], permilles: Iterable[int]) -> list[int]:
    """The buckets in which so many thousandths of the calls are reached; none for an empty histogram."""
    ordered = sorted(hist)
    reached = list(accumulate(hist[index] for index in ordered))
    if not reached or not reached[-1]:
        return []
    return [ordered[bisect_left(reached, -(-reached[-1] * permille // 1_000))] for permille in permilles]


def placed_percentiles(figures: Figures) -> list[int | None]:
    """The percentiles :data:`PLACED` of a group, by its histogram or as the store read them."""
    if figures.placed and not figures.hist:
        greatest = figures.duration_max
        return [min(value, greatest) for value in map(bucket_value, figures.placed)]
    return percentiles(figures.hist, PLACED, figures.duration_max) if figures.hist else [None] * len(PLACED)


def share_within(hist: Mapping[int, int], duration_us: int) -> float | None:
    """Per cent of the calls that took no longer, to a bucket's exactness; None for an empty histogram."""
    total = sum(hist.values())
    if not total:
        return None
    last = bucket(duration_us)
    return round(100 * sum(weight for index, weight in hist.items() if index <= last) / total, 1)


def apdex(figures: Figures, limit_us: int) -> float | None:
    """Apdex: satisfied within the limit, half for those within four times it; a failed call is frustrated, once.

    Failures of which no histogram was kept are taken from the satisfied ones. (apdex.org, technical specification 1.1)
    """
    total = sum(figures.hist.values())
    if not total:
        return None
    satisfied, tolerating = (
        _within(figures.hist, low, high) - _within(figures.failed, low, high)
        for low, high in ((-1, limit_us), (limit_us, 4 * limit_us))
    )
    satisfied -= max(0, figures.errors - sum(figures.failed.values()))
    return round(max(0.0, min(1.0, (max(satisfied, 0) + tolerating / 2) / total)), 4)


def _within(hist: Mapping[int, int], low_us: int, high_us: int) -> int:
    """Weight of the buckets whose middle lies above ``low_us``, up to ``high_us``."""
    return sum(weight for index, weight in hist.items() if low_us < bucket_value(index) <= high_us)


def slow(hist: Mapping[int, int], limit_us: int) -> float:
    """Calls that took longer than four times the limit."""
    return scaled(sum(w for b, w in hist.items() if bucket_value(b) > 4 * limit_us))


def scaled(thousandths: int) -> float | int:
    """Calls from thousandths: an integer where it is one."""
    whole, rest = divmod(thousandths, WEIGHT)
    return thousandths / WEIGHT if rest else whole


def seen_seconds(figures: Figures, from_us: int, until_us: int) -> float:
    """How long of a range the group was there: from its first slot with calls on, at least a second."""
    return max(SECOND_US, until_us - max(from_us, figures.first_seen_us)) / SECOND_US


def describe(figures: Figures, seconds: float, apdex_t_us: int) -> dict[str, Any]:
    """The figures of one group as the API gives them, its rate over so many seconds."""
    calls = figures.calls
    return {
        "calls": scaled(calls),
        "errors": scaled(figures.errors),
        "qps": round(calls / WEIGHT / seconds, 4) if seconds else 0.0,
        "seen_s": round(seconds, 1),
        "success_rate": round(1 - figures.errors / calls, 6) if calls else None,
        "error_rate": round(figures.errors / calls, 6) if calls else None,
        "avg_us": round(figures.duration_sum / calls, 1) if calls else None,
        "max_us": figures.duration_max if calls else None,
        **dict(zip(PERMILLES, placed_percentiles(figures), strict=True)),
        "apdex": apdex(figures, apdex_t_us),
        "status_4xx": None if figures.status_4xx is None else scaled(figures.status_4xx),
        "sampled": figures.rows,
        "estimated": calls != figures.rows * WEIGHT,
        "small_sample": 0 < figures.rows < SMALL,
        "last_seen_us": figures.last_seen_us or None,
    }


def histogram(hist: Mapping[int, int]) -> list[tuple[int, int, float | int]]:
    """``(lower_us, upper_us, calls)`` of the buckets that are not empty, in order."""
    return [(*bucket_bounds(index), scaled(weight)) for index, weight in sorted(hist.items())]
