"""What was usual before: the same hour of the last days, and which services and edges were there."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median
from typing import Any, Final

from hopline_query.service import QueryService

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
KNOWN_US: Final = 7 * DAY_US
"""What was not seen for so long is new."""

_KNOWN_FOR_US: Final = 60_000_000
"""How long names of the week before are reused."""

_MOST: Final = 1_000

Key = tuple[str, ...]
Window = Mapping[str, str]


def hours_before(from_us: int, to_us: int, days: int) -> list[Window]:
    """The whole hour around the middle of a range, on each of so many days before it."""
    begin = (from_us + to_us) // 2 // HOUR_US * HOUR_US
    return [{"from": str(begin - d * DAY_US), "to": str(begin - d * DAY_US + HOUR_US)} for d in range(1, days + 1)]


def usual_of(values: Iterable[Mapping[Key, float]]) -> dict[Key, float]:
    """The median over the days on which there was a value; of an even number the mean of the two in the middle."""
    found: dict[Key, list[float]] = {}
    for day in values:
        for key, value in day.items():
            found.setdefault(key, []).append(value)
    return {key: median(several) for key, several in found.items()}


class History:
    """What was asked about the past, kept as long as it holds: an hour's figures until the hour is over."""

    def __init__(self, service: QueryService) -> None:
        self._service = service
        self._kept: dict[tuple[Any, ...], Any] = {}

    def usual(
        self, name: object, windows: list[Window], ask: Callable[[Window], Mapping[Key, float]]
    ) -> dict[Key, float]:
        """`usual_of` what `ask` finds in each window, once for `name` and windows. Raises QueryError."""
        key = ("usual", name, windows[0]["from"])
        if key not in self._kept:
            self._keep(key, usual_of([ask(window) for window in windows]))
        found: dict[Key, float] = self._kept[key]
        return found

    def services(self, before_us: int, env: Window) -> frozenset[Key]:
        """Services with a call in the week before a time; empty: nothing was stored then. Raises QueryError."""

        def ask(week: Window) -> Iterator[Key]:
            return ((str(entry["service"]),) for entry in self._service.stats(week)["services"])

        return self._names("services", before_us, env, ask)

    def edges(self, before_us: int, env: Window) -> frozenset[Key]:
        """Edges likewise: caller and callee."""

        def ask(week: Window) -> Iterator[Key]:
            return ((str(edge["caller"]), str(edge["callee"])) for edge in self._service.dependencies(week)["edges"])

        return self._names("edges", before_us, env, ask)

    def _names(self, kind: str, before_us: int, env: Window, ask: Callable[[Window], Iterable[Key]]) -> frozenset[Key]:
        """Whole hours are one question, what is left of the last one another: each range is made of whole slots."""
        end = before_us // _KNOWN_FOR_US * _KNOWN_FOR_US
        hour = end // HOUR_US * HOUR_US
        found: frozenset[Key] = frozenset()
        for begin, until in ((max(0, hour - KNOWN_US), hour), (hour, end)):
            key = (kind, tuple(sorted(env.items())), begin, until)
            if begin < until and key not in self._kept:
                self._keep(key, frozenset(ask({**env, "from": str(begin), "to": str(until), "limit": "5000"})))
            found |= self._kept.get(key, frozenset())
        return found

    def _keep(self, key: tuple[Any, ...], value: object) -> None:
        if len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = value
