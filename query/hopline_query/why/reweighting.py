"""The change of the 95th percentile between two sets of calls, split by reweighting (docs/why.md).

The calls before are given the shares that their groups have after: first by entry operation, then also
by what they call. What each step moves is that cause's; what is left is time. (DiNardo, Fortin and Lemieux,
"Labor Market Institutions and the Distribution of Wages", Econometrica 64, 1996.)
"""

from collections.abc import Hashable, Mapping, Sequence
from math import lcm

Groups = Mapping[Hashable, Sequence[float]]
"""Group -> what each of its calls took, in microseconds."""

LEVEL = 95
"""Percent of the calls that take at most so long."""


def reweighted(before: Groups, after: Groups) -> float:
    """The percentile of the calls before, had their groups the shares of those after; of whole numbers, so exact.

    A group that was not there before brings its own calls. ``after`` holds at least one call.
    """
    unit = lcm(*(len(before[group]) for group in after if group in before))
    weighed: list[tuple[float, int]] = []
    for group, own in after.items():
        known = before.get(group)
        weight = len(own) * (unit // len(known)) if known else unit
        weighed += [(took, weight) for took in known or own]
    weighed.sort()
    total, below = sum(weight for _, weight in weighed), 0
    for took, weight in weighed:
        below += weight
        if 100 * below > LEVEL * total:
            return took
    return weighed[-1][0]


def split(before: tuple[Groups, Groups], after: tuple[Groups, Groups]) -> dict[str, float]:
    """``mix``, ``calls`` and ``time``: microseconds that add up to the change of the percentile.

    Of each side the calls by entry operation, and by that and what they call. Empty where a side has no calls.
    """
    if not any(before[0].values()) or not any(after[0].values()):
        return {}
    steps = [
        reweighted(before[0], before[0]),
        reweighted(before[0], after[0]),
        reweighted(before[1], after[1]),
        reweighted(after[0], after[0]),
    ]
    return {cause: steps[at + 1] - steps[at] for at, cause in enumerate(("mix", "calls", "time"))}
