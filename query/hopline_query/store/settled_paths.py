"""Sums the parts of the time of settled entry calls by SQL, and says which calls it leaves to their rows."""

from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

from hopline_query.store import chosen_calls
from hopline_query.store.asking import Asker, statement
from hopline_query.store.conditions import Conditions
from hopline_query.store.moving import Moved
from hopline_query.store.port import SearchQuery
from hopline_query.store.settled_calls import part_of, part_text
from hopline_query.store.trace_search import indexed_keys
from hopline_query.why.critical import BANDS, LEVELS, Band, Limits, PartSum
from hopline_query.why.schedule import Part

LEFT = 5_000
"""Traces that are left to their rows; where there are more, the calls of the newest traces are looked at."""

MOST_ROWS = 70_000
"""Rows of traces that are left to them, those that move among them; where there are more, the same."""

MOST_CALLS = 5_000_000
"""Calls of one question; where there are more, the same."""


class SettledPaths:
    """The finished entry calls of settled traces that meet a search and whose parts are told."""

    def __init__(self, asker: Asker, query: SearchQuery, moved: Moved) -> None:
        self._asker = asker
        self._conditions = Conditions(indexed_keys(asker, query))
        chosen = chosen_calls.among(self._conditions, (query,), moved) + chosen_calls.meets(self._conditions, query)
        self._calls = f"FROM $database.settled_calls WHERE {' AND '.join([*chosen, 'unfinished = 0'])}"
        found = self._ask("parts_untold", most=str(LEFT + 1))
        self.left = [row[0] for row in found]
        """Traces with a call that did several things at a time, or was settled by an earlier release."""
        self.calls = 0
        """How many there are; 0 where :attr:`too_many` traces are left."""
        if len(self.left) <= LEFT:
            if self.left:
                self._calls += f" AND trace_id NOT IN ({self._conditions.ids(self.left)})"
            self.calls = int(self._ask("parts_calls")[0][0])

    @property
    def too_many(self) -> bool:
        """True where too many traces are left to their rows, or there are too many calls to add up."""
        return len(self.left) > LEFT or self.calls > MOST_CALLS

    def limits(self, others: Sequence[int]) -> Limits:
        """See :class:`hopline_query.store.port.SettledPaths`."""
        bound = self._conditions.bind(list(others), "Array(UInt64)")
        levels = ", ".join(map(str, LEVELS))
        return Limits(*map(int, self._ask("parts_limits", None, levels=levels, others=bound)[0][0]))

    def bands(self, limits: Limits) -> dict[str, Band]:
        """See :class:`hopline_query.store.port.SettledPaths`."""
        return self._by_band(limits, "0", ())[0]

    def bands_and_tail(
        self, limits: Limits, part: Part, factor: float, others: Sequence[float]
    ) -> tuple[dict[str, Band], list[float]]:
        """See :class:`hopline_query.store.port.SettledPaths`."""
        bind = self._conditions.bind
        stored, by = f"unhex({bind(part_text(part).encode().hex())})", bind(factor - 1, "Float64")
        after = f"duration_us + {by} * arraySum((part, us) -> part = {stored} ? us : 0, parts, parts_us)"
        return self._by_band(limits, after, others)

    def _by_band(self, limits: Limits, after: str, others: Sequence[float]) -> tuple[dict[str, Band], list[float]]:
        found = {name: Band() for name in BANDS}
        tail: list[float] = []
        words = {"after": after, "others": self._conditions.bind(list(map(float, others)), "Array(Float64)")}
        for text, quantiles, *sums in self._ask("parts_by_band", limits._asdict(), **words):
            tail = tail if text else list(map(float, quantiles))
            for band, us, calls in zip(found.values(), sums[::2], sums[1::2], strict=True):
                if not text:
                    band.took_us, band.calls = int(us), int(calls)
                elif calls:
                    band.parts[part_of(text)] = PartSum(int(us), float(us), 0.0, int(calls))
        return found, tail

    def _ask(self, name: str, more: Mapping[str, Any] | None = None, **words: str) -> list[tuple[Any, ...]]:
        text = Template(statement(name)).safe_substitute(words | {"calls": self._calls})
        return self._asker.rows(text, self._conditions.parameters | dict(more or {}))
