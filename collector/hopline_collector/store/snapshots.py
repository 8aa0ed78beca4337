"""Numbered snapshots of the rules in table ``limits``, and what the store knows that goes into them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hopline_collector.block.limits import DAY_US
from hopline_collector.rules.rules import NAMES_MAX, OPERATIONS_MAX, OTHER
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreAwayError

DAYS: Final = 8
"""How far back traces may still grow and operations count as in use."""

IN_USE_MOST: Final = NAMES_MAX * 9 // 10
"""Names in use that go into a snapshot: the rest of the room is for new ones."""

_LARGE_PART: Final = 1_000
"""Merged rows of ``traces`` below this are not looked at when all traces are swept."""

# A number is stored once; should the store have lost its memory of that, the earliest counts, for everybody.
_NEWEST: Final = "SELECT rules, body FROM {database}.limits ORDER BY rules DESC, at_us, body LIMIT 1"
_READ: Final = "SELECT body FROM {database}.limits WHERE rules = {{number:UInt64}} ORDER BY at_us, body LIMIT 1"
_SUSPECTS: Final = """
SELECT lower(hex(trace_id)) FROM {database}.traces AS t
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({{ids:Array(String)}})), 16))
GROUP BY trace_id HAVING sum(t.spans) >= {{rows:UInt64}}"""
_SWEEP: Final = """
SELECT lower(hex(trace_id)) FROM {database}.traces AS t
WHERE t.spans >= {{part:UInt64}} AND t.start_us >= {{since:UInt64}}
GROUP BY trace_id HAVING sum(t.spans) >= {{rows:UInt64}} LIMIT 10000"""
# Of more than fit every service keeps its latest: first all first ones, then all second ones, and so on.
_OPERATIONS: Final = """
SELECT service, name FROM (
  SELECT service, name, row_number() OVER (PARTITION BY service ORDER BY seen DESC, name) AS place FROM (
    SELECT service, name, max(o.last_seen) AS seen FROM {database}.operations AS o
    WHERE day >= toDate(toDateTime({{since_s:UInt64}}, 'UTC')) AND name != {{other:String}} GROUP BY service, name))
WHERE place <= {{most:UInt32}} ORDER BY place, service LIMIT {{all:UInt32}}"""


class ClickHouseSnapshots:
    """See :class:`hopline_collector.rules.rule_book.Snapshots`."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store

    def newest(self) -> tuple[int, str] | None:
        """The highest number and its text; None before the first."""
        rows = self._rows(_NEWEST)
        return (int(rows[0][0]), str(rows[0][1])) if rows else None

    def read(self, number: int) -> str | None:
        """The text of a snapshot."""
        rows = self._rows(_READ, number=number)
        return str(rows[0][0]) if rows else None

    def offer(self, number: int, text: str, now_us: int) -> str:
        """Store ``text`` under ``number`` unless that is taken; returns what is stored there.

        The number is the deduplication token, so of two inserts the second changes nothing.
        """
        self._store.insert("limits", {"rules": [number], "at_us": [now_us], "body": [text]}, f"rules/{number}")
        stored = self.read(number)
        if stored is None:
            raise StoreAwayError(f"rules {number} were stored and cannot be read yet: a replica lags")
        return stored

    def too_large(self, suspects: Iterable[bytes], rows: int, now_us: int) -> set[bytes]:
        """Traces with ``rows`` rows or more; all of the last days are swept when ``suspects`` is empty."""
        ids = [trace_id.hex() for trace_id in suspects]
        if ids:
            found = self._rows(_SUSPECTS, ids=ids, rows=rows)
        else:
            found = self._rows(_SWEEP, part=min(_LARGE_PART, rows), rows=rows, since=now_us - DAYS * DAY_US)
        return {bytes.fromhex(trace_id) for (trace_id,) in found}

    def close_traces(self, trace_ids: Iterable[bytes], now_us: int) -> None:
        """Let readers know that these traces take no more rows."""
        ids = sorted(trace_ids)
        self._store.insert("closed_traces", {"trace_id": ids, "at_us": [now_us] * len(ids)}, f"closed/{now_us}")

    def operations_in_use(self, now_us: int) -> Mapping[str, frozenset[str]]:
        """Service -> names of the last days; of too many the latest of each service, evenly."""
        since_s = max(now_us - DAYS * DAY_US, 0) // 1_000_000
        found: dict[str, set[str]] = {}
        limits = {"most": OPERATIONS_MAX, "all": IN_USE_MOST}
        for service, name in self._rows(_OPERATIONS, since_s=since_s, other=OTHER, **limits):
            found.setdefault(service, set()).add(name)
        return {service: frozenset(names) for service, names in found.items()}

    def _rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._store.ask(statement.format(database=self._store.database), parameters)
