"""How long an entry call would take if parts of it took longer or shorter, recomputed call by call.

A call is its own work between *joins*: where a child starts and where the call itself ends, it has
waited for every child that had ended by then, and has worked since the last of them ended. So a join
comes after all those children, each later or earlier than it was, and after the same own work again
(docs/critical-path.md). Unchanged parts give back the observed times exactly. Children are clipped to
their parent's window; what nobody waits for takes no part, as on the path of the trace page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hopline_query.tree.node import Node
from hopline_query.why.entries import Entry


class Part(NamedTuple):
    """What time is ascribed to: a call's own work, or the network around it."""

    service: str
    operation: str
    wait: str
    """``own`` or ``network``; ``queue`` where a producer's message waited."""


UNKNOWN = ""
"""Service and operation of a call of which no row came."""


class Join(NamedTuple):
    """A moment at which a call goes on: ``child`` starts there, or (-1) the call ends."""

    child: int
    waits: int
    """How many of the step's children had ended by then, the first ones of ``ended``."""
    own: int
    network: int
    """Microseconds since the last of them ended, or since the start of the call."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call within an entry call; its children have higher places than it."""

    own: Part
    network: Part
    joins: tuple[Join, ...]
    """In time order; the last is the end."""
    ended: tuple[int, ...]
    """Places of the children by their ends, of equal ends the one that began last first."""
    stops: tuple[int, ...]
    """Ends of ``ended``, in microseconds since the entry call began."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """An entry call and all calls that it waited for; the first step is the entry call itself."""

    steps: tuple[Step, ...]
    took_us: int


def schedule(entry: Entry) -> Schedule:
    """The joins of an entry call and of every call below it that has time in it. Linear but for sorting."""
    windows = [(entry.node, entry.begin, entry.end)]
    children: list[list[int]] = []
    for node, begin, end in windows:
        below = []
        for child in node.children:
            start, stop = max(child.start, begin), min(child.end, end)
            if stop > start and not child.detached:
                below.append(len(windows))
                windows.append((child, start, stop))
        children.append(below)
    steps = [_step(windows, place, below) for place, below in enumerate(children)]
    return Schedule(tuple(steps), entry.took_us)


def took(plan: Schedule, scale: Mapping[Part, float]) -> float:
    """How long the entry call takes when the parts take so many times what they took; others stay."""
    lengths = [0.0] * len(plan.steps)
    for place in range(len(plan.steps) - 1, -1, -1):
        step = plan.steps[place]
        own, network = scale.get(step.own, 1.0), scale.get(step.network, 1.0)
        begun: dict[int, float] = {}
        now = latest = 0.0
        known = 0
        for join in step.joins:
            for child in step.ended[known : join.waits]:
                latest = max(latest, begun[child] + lengths[child])
            known = max(known, join.waits)
            now = latest + join.own * own + join.network * network
            begun[join.child] = now
        lengths[place] = now
    return lengths[0]


def path(plan: Schedule) -> tuple[dict[Part, int], dict[Part, int]]:
    """Microseconds of every part on the critical path, which add up to what the call took; and the calls on it."""
    found: dict[Part, int] = {}
    calls: dict[Part, int] = {}
    stack = [0]
    while stack:
        step = plan.steps[stack.pop()]
        calls[step.own] = calls.get(step.own, 0) + 1
        found.setdefault(step.own, 0)
        starts = {join.child: join for join in step.joins}
        join = starts[-1]
        while True:
            found[step.own] += join.own
            if join.network:
                found[step.network] = found.get(step.network, 0) + join.network
            if not join.waits:
                break
            child = step.ended[join.waits - 1]
            stack.append(child)
            join = starts[child]
    return found, calls


def straight(plan: Schedule) -> bool:
    """True where one thing was done after the other: all calls are on the path, and with other lengths still are.

    Then a part's drag is its time on the path, its slack is 0, and what the call takes is a sum over the parts.
    """
    return sum(path(plan)[1].values()) == len(plan.steps)


def drag(plan: Schedule, part: Part) -> float:
    """How much earlier the entry call would end if the part took nothing: at most its time on the path."""
    return plan.took_us - took(plan, {part: 0.0})


def slacks(plan: Schedule) -> dict[Part, int]:
    """How much longer any one call of the part could take before the entry call ends later; 0 on the path.

    The total float of the critical path method: the latest end that delays nothing, less the end.
    """
    spare = [0] * len(plan.steps)
    found: dict[Part, int] = {}
    for place, step in enumerate(plan.steps):
        for part in (step.own, step.network) if any(join.network for join in step.joins) else (step.own,):
            found[part] = min(found.get(part, spare[place]), spare[place])
        # Backwards: what a join waits for may end as much later as what begins there may begin later.
        latest, left = 0, len(step.ended)
        for join in reversed(step.joins):
            while left > join.waits:
                left -= 1
                spare[step.ended[left]] = latest - step.stops[left]
            if join.waits:
                room = spare[place] if join.child < 0 else spare[join.child]
                limit = room + step.stops[join.waits - 1]
                latest = limit if join.child < 0 else min(latest, limit)
        while left:
            left -= 1
            spare[step.ended[left]] = latest - step.stops[left]
    return found


def _step(windows: list[tuple[Node, int, int]], place: int, below: list[int]) -> Step:
    node, begin, end = windows[place]
    service, operation = (node.inner.service, node.inner.name) if node.inner is not None else (UNKNOWN, UNKNOWN)
    # The window of the entry call itself is the bar of its own row.
    inner = (node.inner_start, node.inner_end) if place and node.two_sided else (begin, end)
    ended = sorted(below, key=lambda child: (windows[child][2], -windows[child][1], -windows[child][0].index))
    joins, waits, since = [], 0, begin
    for child in [*sorted(below, key=lambda child: (windows[child][1], child)), -1]:
        at = end if child < 0 else windows[child][1]
        while waits < len(ended) and windows[ended[waits]][2] <= at:
            since = windows[ended[waits]][2]
            waits += 1
        own = max(0, min(at, inner[1]) - max(since, inner[0]))
        joins.append(Join(child, waits, own, at - since - own))
    parts = Part(service, operation, "own"), Part(service, operation, "network")
    stops = tuple(windows[child][2] - windows[0][1] for child in ended)
    return Step(*parts, tuple(joins), tuple(ended), stops)
