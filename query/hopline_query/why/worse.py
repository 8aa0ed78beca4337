"""What got worse between two sets of entry calls: the change of the mean, split into parts that add up (docs/why.md).

What an entry call took is the sum of the parts on its critical path, so the mean is a sum over
parts of calls on the path times time per call. A change of a product is split between its
factors at their means (the Shapley value of two factors), a change of shares of kinds likewise.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from hopline_query.why.critical import quantile
from hopline_query.why.entries import Entry
from hopline_query.why.schedule import Part, Schedule, path

CAUSES = ("own", "calls", "mix", "network", "queue")

Kind = tuple[str, str]
"""Service and operation."""


@dataclass(slots=True)
class _Of:
    """The calls of one entry operation on one side; microseconds on the path and calls on it, by part."""

    calls: int = 0
    took_us: int = 0
    us: Counter[Part] = field(default_factory=Counter)
    on_path: Counter[Part] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Side:
    """Entry calls of one period, version or filter."""

    calls: int
    avg_us: float
    p95_us: float
    kinds: dict[Kind, _Of]
    below: Counter[Kind]
    """Calls at and below the entry calls, on the path or not."""
    took: tuple[dict[Hashable, list[float]], dict[Hashable, list[float]]]
    """What the entry calls took: by kind, and by kind and what they call, with numbers of calls by powers of two."""


def side(entries: Sequence[Entry], plans: Iterable[Schedule]) -> Side:
    """Sums over one set of entry calls and their schedules, in the same order."""
    kinds: dict[Kind, _Of] = {}
    took: list[float] = []
    below: Counter[Kind] = Counter()
    by_kind: dict[Hashable, list[float]] = {}
    by_calls: dict[Hashable, list[float]] = {}
    for entry, plan in zip(entries, plans, strict=True):
        kind = entry.row.service, entry.row.name
        own = kinds.setdefault(kind, _Of())
        us, on_path = path(plan)
        own.calls += 1
        own.took_us += plan.took_us
        own.us.update(us)
        own.on_path.update(on_path)
        took.append(plan.took_us)
        called = Counter((node.inner.service, node.inner.name) for node in entry.below if node.inner is not None)
        below.update(called)
        by_kind.setdefault(kind, []).append(plan.took_us)
        often = frozenset((name, count.bit_length()) for name, count in called.items())
        by_calls.setdefault((kind, often), []).append(plan.took_us)
    took.sort()
    calls = len(took)
    avg_us, p95_us = (sum(took) / calls, quantile(took, 0.95)) if calls else (0.0, 0.0)
    return Side(calls, avg_us, p95_us, kinds, below, (by_kind, by_calls))


def parts(before: Side, after: Side) -> dict[tuple[str, str, str], float]:
    """``(service, operation, cause)`` -> microseconds of the change of the mean; they add up to it.

    Empty where a side has no calls: there is no mean to compare.
    """
    found: dict[tuple[str, str, str], float] = {}
    if not before.calls or not after.calls:
        return found
    middle = (before.avg_us + after.avg_us) / 2
    for kind in sorted(before.kinds.keys() | after.kinds.keys()):
        old, new = before.kinds.get(kind, _Of()), after.kinds.get(kind, _Of())
        shares = old.calls / before.calls, new.calls / after.calls
        means = [of.took_us / of.calls for of in (old, new) if of.calls]
        # A kind that only one side has brings its whole difference from the mean by being there.
        _add(found, (*kind, "mix"), (shares[1] - shares[0]) * (sum(means) / len(means) - middle))
        if old.calls and new.calls:
            _within(found, old, new, sum(shares) / 2)
    return {key: us for key, us in found.items() if us}


def appeared(before: Side, after: Side) -> list[tuple[Kind, float]]:
    """Calls of ``after`` that ``before`` does not have at all, and how many there are per entry call, most first."""
    new = [(kind, count / after.calls) for kind, count in after.below.items() if kind not in before.below]
    return sorted(new, key=lambda entry: (-entry[1], entry[0]))


def _within(found: dict[tuple[str, str, str], float], old: _Of, new: _Of, weight: float) -> None:
    """The change of the mean of one entry operation, by part."""
    for part in sorted(old.us.keys() | new.us.keys()):
        us = old.us[part] / old.calls, new.us[part] / new.calls
        if part.wait != "own":
            _add(found, part, weight * (us[1] - us[0]))
            continue
        often = old.on_path[part] / old.calls, new.on_path[part] / new.calls
        if not all(often):
            _add(found, (part.service, part.operation, "calls"), weight * (us[1] - us[0]))
            continue
        each = us[0] / often[0], us[1] / often[1]
        _add(found, (part.service, part.operation, "calls"), weight * (often[1] - often[0]) * sum(each) / 2)
        _add(found, part, weight * (each[1] - each[0]) * sum(often) / 2)


def _add(found: dict[tuple[str, str, str], float], key: tuple[str, str, str], us: float) -> None:
    found[key] = found.get(key, 0.0) + us
