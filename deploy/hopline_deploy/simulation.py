"""The hand-over under failures, second by second: whether an installation of a plan keeps its promise. Pure.

Each partition gets its share of the load. A collector works at what it holds until its capacity is used up; what was a
dead one's goes to the others once the broker has missed it for a session. Nothing is lost in any of this, for the log
keeps it: what is asked is how far behind the data falls, and how long it takes to catch up.
"""

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

SESSION_S: Final = 10
"""How long the broker waits for a collector before its partitions go to others, with the rebalance."""

LONGEST_S: Final = 48 * 3_600

_STEPS: Final = 600
"""Steps of an outage of the store."""

_PATIENCE: Final = 50
"""Steps after which the data should be less far behind than before."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Collectors, each at most so fast, over partitions that share the load evenly."""

    collectors: int
    partitions: int
    collector_spans_per_s: float
    spans_per_second: float


@dataclass(frozen=True, slots=True)
class Failure:
    """What goes wrong at the beginning: so many collectors die for good, or the store is away for so long."""

    collectors_lost: int = 0
    store_away_s: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far behind the data fell, and when it was up to date again; None: never."""

    behind_s: int
    caught_up_s: int | None


def shares(collectors: int, partitions: int) -> list[int]:
    """How many partitions each collector holds: as even as can be, the first ones the odd ones more."""
    each, odd = divmod(partitions, collectors)
    return [each + (place < odd) for place in range(collectors)]


def simulate(fleet: Fleet, failure: Failure) -> Outcome:
    """Run until everything is up to date again, or until it is clear that it never will be."""
    alive = fleet.collectors - failure.collectors_lost
    if alive <= 0:
        return Outcome(LONGEST_S, None)
    rate = fleet.spans_per_second / fleet.partitions
    step = max(1.0, failure.store_away_s / _STEPS)
    over = max(SESSION_S if failure.collectors_lost else 0, failure.store_away_s)
    first, later = _held(shares(fleet.collectors, fleet.partitions))[:alive], _held(shares(alive, fleet.partitions))
    waiting, now, worst, before = [0.0] * fleet.partitions, 0.0, 0.0, math.inf
    while now < LONGEST_S:
        now += step
        waiting = [spans + rate * step for spans in waiting]
        for mine in (later if now > SESSION_S else first) if now > failure.store_away_s else ():
            _work(waiting, mine, fleet.collector_spans_per_s * step)
        behind = max(waiting) / rate
        worst = max(worst, behind)
        if now >= over and behind < step:
            return Outcome(math.ceil(worst), math.ceil(now))
        if now > over + _PATIENCE * step and int(now / step) % _PATIENCE == 0:
            if behind >= before:
                break
            before = behind
    return Outcome(math.ceil(worst), None)


def _held(counts: list[int]) -> list[range]:
    """Which partitions each collector holds, by how many."""
    ends = list(accumulate(counts))
    return [range(end - count, end) for count, end in zip(counts, ends, strict=True)]


def _work(waiting: list[float], mine: range, budget: float) -> None:
    """Hand over so many spans, evenly over the partitions that have any."""
    left = len(mine)
    for partition in sorted(mine, key=waiting.__getitem__):
        done = min(waiting[partition], budget / left)
        waiting[partition] -= done
        budget -= done
        left -= 1
