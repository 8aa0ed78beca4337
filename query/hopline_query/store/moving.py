"""Traces that still move: rows came for them since they were settled, so they are read from their rows.

There are few at any time, those of the last seconds, and their rows are kept between
questions: only those of traces that rows came for since are read again.
"""

import threading
from collections.abc import Collection, Iterable, Mapping
from string import Template
from typing import NamedTuple

from hopline.model import Row
from hopline_query.store.asking import Age, Asker, statement
from hopline_query.store.conditions import Conditions
from hopline_query.store.rows import columns, row_of

MOST_ROWS = 20_000
"""Of more moving rows the traces are not listed here: the store names them itself."""

MOST_BUCKETS = 1_000
"""Of more open buckets, as after an upgrade, none is named: each statement looks for them itself."""

NEVER_US = 2**63
"""Later than every row."""

Stamp = tuple[int, int]
"""Rows that came since a trace was settled, and when the newest came: equal stamps mean that none came since."""


class Moved(NamedTuple):
    """What moved at one moment: whoever asks several statements is told of the same traces by each."""

    stamps: Mapping[str, Stamp] | None
    """By trace id; None where they have more than :data:`MOST_ROWS` rows: thousands of them come in a second."""
    ids: str
    """The subquery of their ids; binds ``moved_after``, :data:`NEVER_US` or the time of a first page."""


def resting(moved: Moved, conditions: Conditions) -> list[str]:
    """The condition that leaves out traces that moved; none where none did."""
    if moved.stamps == {}:
        return []
    named = moved.ids if moved.stamps is None else conditions.ids(list(moved.stamps))
    return [f"trace_id NOT IN ({named})"]


def moving_ids() -> str:
    """The subquery of the ids of traces that move when it is asked; binds ``moved_after`` as :class:`Moved` does."""
    return f"SELECT trace_id {_arrived(_open())}"


def _open() -> str:
    return f"SELECT bucket FROM ({statement('open_buckets')})"


def _arrived(buckets: str) -> str:
    """The rows that came in these buckets or after ``moved_after``, as a statement goes on behind its columns."""
    return Template(statement("moving_rows")).safe_substitute(open=buckets)


class Moving:
    """The traces of one store that no settled row tells of, or not to the end. Safe for use from many threads."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._lock = threading.Lock()
        self._listed: tuple[Age, Moved] | None = None
        self._rows: dict[str, tuple[Stamp, list[Row]]] = {}

    def now(self, after_us: int = NEVER_US) -> Moved:
        """What moves, with the traces that rows came for later than ``after_us``.

        As it was a moment ago where nothing was stored since.
        """
        age = self._asker.age()
        with self._lock:
            known = self._listed
        if after_us == NEVER_US and known is not None and self._asker.lasts(known[0]):
            return known[1]
        found = self._look(after_us)
        if after_us == NEVER_US:
            with self._lock:
                self._listed = (age, found)
                for gone in self._rows.keys() - (found.stamps or {}).keys():
                    del self._rows[gone]
        return found

    def _look(self, after_us: int) -> Moved:
        buckets = self._asker.file("open_buckets")
        named = ", ".join(str(int(bucket)) for bucket, _ in buckets) or "NULL"
        arrived = _arrived(named if len(buckets) <= MOST_BUCKETS else _open())
        ids = f"SELECT trace_id {arrived}"
        if sum(int(rows) for _, rows in buckets) > MOST_ROWS:
            return Moved(None, ids)
        if not buckets and after_us == NEVER_US:
            return Moved({}, ids)
        text = f"SELECT lower(hex(trace_id)), sum(a.rows), max(a.arrived) {arrived} GROUP BY trace_id"
        listed = self._asker.rows(f"{text} LIMIT {MOST_ROWS + 1}", {"moved_after": after_us})
        if sum(int(row[1]) for row in listed) > MOST_ROWS:
            return Moved(None, ids)
        return Moved({row[0]: (int(row[1]), int(row[2])) for row in listed}, ids)

    def rows(self, stamps: Mapping[str, Stamp], limit: int) -> list[Row]:
        """All rows of these moving traces, up to ``limit`` of each."""
        known: dict[str, list[Row]] = {}
        with self._lock:
            for trace_id, stamp in stamps.items():
                if (kept := self._rows.get(trace_id)) is not None and kept[0] == stamp:
                    known[trace_id] = kept[1]
        lost = [trace_id for trace_id in stamps if trace_id not in known]
        if lost:
            read: dict[str, list[Row]] = {trace_id: [] for trace_id in lost}
            for row in rows_of(self._asker, lost, limit):
                read[row.trace_id].append(row)
            with self._lock:
                self._rows |= {trace_id: (stamps[trace_id], rows) for trace_id, rows in read.items()}
            known |= read
        return [row for rows in known.values() for row in rows]


def rows_of(asker: Asker, ids: Collection[str], limit: int, most: int = NEVER_US) -> Iterable[Row]:
    """Up to ``limit`` rows of each trace and ``most`` of all, wherever they lie in time."""
    if not ids:
        return []
    text = columns() + statement("rows_of_traces")
    return (row_of(values) for values in asker.rows(text, {"ids": list(ids), "limit": limit, "most": most}))
