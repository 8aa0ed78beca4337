"""Numbered snapshots of the rules in table ``limits``, and what the store knows that goes into them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hopline_collector.limits import DAY_US
from hopline_collector.rules import OPERATIONS_MAX, OTHER
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError
from hopline_collector.store.writer import translated

DAYS: Final = 8
"""How far back traces may still grow and operations count as in use."""

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
_OPERATIONS: Final = """
SELECT service, name FROM {database}.operations
WHERE day >= toDate(toDateTime({{since_s:UInt64}}, 'UTC')) AND name != {{other:String}}
GROUP BY service, name ORDER BY service, max(last_seen) DESC, name LIMIT {{most:UInt32}} BY service LIMIT 100000"""


class ClickHouseSnapshots:
    """See :class:`hopline_collector.rule_book.Snapshots`."""

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
        self._insert("limits", ("rules", "at_us", "body"), [[number, now_us, text]], f"rules/{number}")
        stored = self.read(number)
        assert stored is not None
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
        token = f"closed/{now_us}"
        self._insert("closed_traces", ("trace_id", "at_us"), [[trace_id, now_us] for trace_id in ids], token)

    def operations_in_use(self, now_us: int) -> Mapping[str, frozenset[str]]:
        """Service -> names of the last days, the latest when there are too many."""
        since_s = max(now_us - DAYS * DAY_US, 0) // 1_000_000
        found: dict[str, set[str]] = {}
        for service, name in self._rows(_OPERATIONS, since_s=since_s, other=OTHER, most=OPERATIONS_MAX):
            found.setdefault(service, set()).add(name)
        return {service: frozenset(names) for service, names in found.items()}

    def _rows(self, statement: str, **parameters: Any) -> Any:
        try:
            with self._store.reader() as handle:
                return handle.query(statement.format(database=self._store.database), parameters=parameters).result_rows
        except StoreError:
            raise
        except Exception as error:
            raise translated(error) from error

    def _insert(self, table: str, names: tuple[str, ...], rows: list[list[Any]], token: str) -> None:
        settings = {"insert_deduplication_token": token, "insert_deduplicate": 1, "async_insert": 0}
        with self._store.writer() as handle:
            handle.insert(f"{self._store.database}.{table}", rows, column_names=names, settings=settings)
