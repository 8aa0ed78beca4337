"""Bring starts that cannot be right near to when they were (C5).

A sender whose clock is wrong is told by its other rows: they move together, so that their
distances survive. A single row with a bad start is corrected alone and moves nobody. The
start as it was sent stays in tag ``source.start_us``.
"""

from collections.abc import Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from hopline_collector.block import limits
from hopline_collector.block.normalise import TIME_MAX, Columns, Marks, decimal

_SPREAD_MOST_US: Final = limits.DAY_US
"""Rows of one wrong clock lie no further apart; what lies further apart has not one clock's fault."""


def fit_times(columns: Columns, now: int, marks: Marks, kept: AbstractSet[int] = frozenset()) -> None:
    """Move or correct starts that lie too far from ``now``.

    All rows that one message holds of a trace, else most rows of one of its processes: their
    clock is wrong, and they move by one delta, the newest start to ``now``. Any other row is
    corrected alone: from its parent, its other side, its annotations, the earliest row of its
    trace in the message, else ``now``. Messages in ``kept`` may be years old, but may not
    spread over too many days.
    """
    starts = columns["start_us"]
    oldest, newest = now - limits.OLDEST_US, now + limits.NEWEST_US
    if not starts or (min(starts) >= oldest and max(starts) <= newest):
        return
    old = _old_enough(columns, kept)
    outside = {
        row
        for row, (start, message) in enumerate(zip(starts, columns["message"], strict=True))
        if not (limits.KEPT_OLDEST_US if message in old else oldest) <= start <= newest
    }
    for rows in _groups(zip(columns["message"], columns["trace_id"], strict=True)):
        bad = [row for row in rows if row in outside]
        if bad:
            _correct(columns, rows, bad, now, marks)


def _groups(keys: Iterable[Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _correct(columns: Columns, rows: Sequence[int], bad: list[int], now: int, marks: Marks) -> None:
    """Put right the ``bad`` ones of the ``rows`` that one message holds of a trace."""
    starts = columns["start_us"]
    timed = [row for row in rows if starts[row] > 0]
    alone = set(bad)
    wrong = [row for row in bad if starts[row] > 0]
    if len(wrong) == len(timed) and _one_clock(wrong, starts):
        clocks = [wrong]
    else:
        processes = _groups((columns["service"][row], columns["instance"][row]) for row in timed)
        members = [[timed[place] for place in places] for places in processes]
        clocks = [found for rows in members if _one_clock(found := _among(rows, alone), starts, len(rows))]
    for clock in clocks:
        delta = now - max(starts[row] for row in clock)
        for row in clock:
            _move(columns, row, delta, now - limits.OLDEST_US)
            marks.add(row, "time_moved")
        alone -= set(clock)
    if alone:
        _Trace(columns, rows, alone, now).date(marks)


def _among(rows: Iterable[int], chosen: AbstractSet[int]) -> list[int]:
    return [row for row in rows if row in chosen]


def _one_clock(wrong: Sequence[int], starts: Sequence[int], of: int = 0) -> bool:
    """Whether rows are wrong together: several, more than half of ``of`` rows, and near to each other."""
    if len(wrong) < 2 or len(wrong) * 2 <= of:
        return False
    found = [starts[row] for row in wrong]
    return max(found) - min(found) <= _SPREAD_MOST_US


class _Trace:
    """The rows that one message holds of a trace, some of which have to be dated from the others."""

    def __init__(self, columns: Columns, rows: Sequence[int], bad: AbstractSet[int], now: int) -> None:
        self._columns = columns
        self._bad = bad
        self._now = now
        starts, ids = columns["start_us"], columns["id"]
        self._known: dict[int, int] = {row: starts[row] for row in rows if row not in bad}
        self._earliest: int = min(self._known.values(), default=now)
        self._by_id: dict[int, list[int]] = {}
        for row in rows:
            self._by_id.setdefault(ids[row], []).append(row)

    def date(self, marks: Marks) -> None:
        """Correct every bad row, parents before those that are dated from them."""
        for first in sorted(self._bad):
            chain = self._undated(first)
            for row in reversed(chain):
                start = self._start_of(row)
                self._known[row] = start
                notes = self._columns["annotations"][row]
                moved = not any(self._possible(at) for at, _, _ in notes)
                _move(self._columns, row, start - self._columns["start_us"][row], 0, notes=moved)
                marks.add(row, "time_moved")
                if not moved:
                    marks.add(row, "annotations_kept")

    def _undated(self, row: int) -> list[int]:
        """The row and those of its ancestors that have no date yet, the row first; broken where they circle."""
        chain: list[int] = []
        while row not in self._known and row not in chain[-1000:]:
            chain.append(row)
            parents = self._by_id.get(self._columns["parent_id"][row])
            if not parents or any(parent in self._known for parent in parents):
                break
            row = parents[0]
        return chain

    def _start_of(self, row: int) -> int:
        columns = self._columns
        for number in (columns["parent_id"][row], columns["id"][row]):
            found = [self._known[other] for other in self._by_id.get(number, ()) if number and other in self._known]
            if found:
                return min(found)
        noted: list[int] = [at for at, _, _ in columns["annotations"][row] if self._possible(at)]
        return min(noted, default=self._earliest)

    def _possible(self, at: int) -> bool:
        return self._now - limits.OLDEST_US <= at <= self._now + limits.NEWEST_US


def _old_enough(columns: Columns, kept: AbstractSet[int]) -> AbstractSet[int]:
    """Those of ``kept`` whose rows lie in few enough days: each day is a part in every table."""
    if not kept:
        return kept
    days: dict[int, set[int]] = {}
    for message, start in zip(columns["message"], columns["start_us"], strict=True):
        if message in kept:
            days.setdefault(message, set()).add(start // limits.DAY_US)
    return {message for message, found in days.items() if len(found) <= limits.KEPT_DAYS}


def _move(columns: Columns, row: int, delta: int, oldest: int, *, notes: bool = True) -> None:
    """Move a row, and its annotations where ``notes`` says that the same clock told them."""
    original = columns["start_us"][row]
    columns["start_us"][row] = max(original + delta, oldest)
    columns["tags"][row] = {**columns["tags"][row], limits.SOURCE_START_TAG: decimal(original)}
    if notes:
        columns["annotations"][row] = [
            (min(max(at + delta, 0), TIME_MAX), key, value) for at, key, value in columns["annotations"][row] or ()
        ]
