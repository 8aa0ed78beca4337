"""Thinning by age: of days older than the rule, only chosen traces stay, whole; figures are not touched.

A day is done in three steps, each of which may be repeated after a death or by another
collector: the traces that go are written down under the number of a run; the first run
that is announced for a day and its rules counts; its traces are deleted from every table
of rows. What is deleted was named before, so a list that is missing deletes nothing.

A trace belongs to the day on which it begins, and all of it goes at once.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from hopline_collector.block.limits import DAY_US
from hopline_collector.chores.retention import last_day
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError

DAYS_LEAST: Final = 8
"""Rows may arrive 7 days late: a day is thinned only when it is complete."""

TABLES: Final = (
    *("settled", "settled_calls", "settled_causes"),
    *("traces_by_uid", "links_to", "spans_by_service", "spans", "traces"),
)
"""What a trace is deleted from, in this order: it is not found any more before its rows go."""

_CHOOSE: Final = """
INSERT INTO {database}.thinned (run, trace_id)
SELECT {{run:UInt64}}, trace_id FROM {database}.traces AS t
WHERE trace_id IN (
    SELECT trace_id FROM {database}.traces AS s WHERE s.start_us BETWEEN {{low:UInt64}} AND {{high:UInt64}})
  AND trace_id NOT IN (SELECT trace_id FROM {database}.spans WHERE bitAnd(flags, 2) != 0)
  AND trace_id NOT IN (SELECT trace_id FROM {database}.archive)
  AND sipHash64('hopline thinning', trace_id) % 1000000 >= {{share:UInt32}}
GROUP BY trace_id
HAVING min(t.start_us) BETWEEN {{low:UInt64}} AND {{high:UInt64}} AND sum(t.errors) = 0
  AND max(t.end_us) - min(t.start_us) < {{slow_us:UInt64}}
  AND NOT hasAny(groupUniqArrayArray(t.uids), {{uids:Array(String)}})"""


@dataclass(frozen=True, slots=True)
class ThinningSettings:
    """Which traces stay when their day is older than ``days``."""

    days: int = 0
    """0 = nothing is thinned; else 8 or more."""
    slow_us: int = 1_000_000
    """Traces that took so long stay, as do those with an error, with the debug flag, and pinned ones."""
    share: int = 10_000
    """Of the others, so many in a million stay, by a hash of the trace id."""
    uids: tuple[str, ...] = ()
    """Users whose traces all stay."""

    def __post_init__(self) -> None:
        """Refuse an age at which rows may still arrive."""
        if self.days and self.days < DAYS_LEAST:
            raise ValueError(f"thinning after {self.days} days: use 0 (never) or {DAYS_LEAST} and more")

    def text(self) -> str:
        """What tells these rules from others; the age is no part of it."""
        return msgspec.json.encode({**asdict(self), "days": None}).decode()


@dataclass(frozen=True, slots=True)
class Thinned:
    """A day that was thinned."""

    day: date
    traces: int
    """How many traces went."""


def thin(
    store: ClickHouse, settings: ThinningSettings, now_us: int, *, pause: Callable[[float], object] = time.sleep
) -> list[Thinned]:
    """Thin every day that is old enough and not done under these rules. Safe to repeat, to race and to die in.

    Rules that change later are applied to days that are done already; what is gone stays gone.
    ``pause`` waits so many seconds for the store; a true answer of it ends the run with StoreError.
    """
    if not settings.days:
        return []
    newest = datetime.fromtimestamp(now_us / 1_000_000, UTC).date() - timedelta(days=settings.days)
    done = {row[0] for row in _rows(store, "thinnings WHERE rules = {rules:String} AND done = 1", settings, "day")}
    return [
        _thin_day(store, settings, day, now_us + number, pause)
        for number, day in enumerate(_days(store))
        if day < newest and day not in done
    ]


def _days(store: ClickHouse) -> list[date]:
    """Days of which traces are stored, oldest first."""
    found = store.ask(
        f"SELECT DISTINCT partition_id FROM {store.settings.system('parts')}"
        " WHERE database = {home:String} AND table = 'traces' AND active",
        {"home": store.settings.home},
    )
    return sorted(day for (name,) in found if (day := last_day(str(name))))


def _thin_day(
    store: ClickHouse, settings: ThinningSettings, day: date, run: int, pause: Callable[[float], object]
) -> Thinned:
    run = _announced(store, settings, day) or _choose(store, settings, day, run)
    for table in TABLES:
        # A mutation is kept and run later, so nothing can be bound: names of ours and a number. A shard's
        # list of traces lies beside their rows.
        home = store.settings.home
        store.define(
            f"ALTER TABLE {home}.{table} $on_cluster DELETE WHERE trace_id IN"
            f" (SELECT trace_id FROM {home}.thinned WHERE run = {run:d})",
        )
        _settle(store, table, pause)
    gone = int(_rows(store, f"thinned WHERE run = {run:d}", settings, "count()")[0][0])
    _announce(store, settings, day, run, done=1, traces=gone)
    return Thinned(day, gone)


def _settle(store: ClickHouse, table: str, pause: Callable[[float], object]) -> None:
    """Wait until the table's mutations are done, without the writing handle: the hand-over needs it meanwhile."""
    statement = (
        f"SELECT count(), max(latest_fail_reason) FROM {store.settings.system('mutations')}"
        " WHERE database = {home:String} AND table = {table:String} AND NOT is_done"
    )
    while True:
        ((waiting, trouble),) = store.ask(statement, {"home": store.settings.home, "table": table})
        if trouble:
            raise StoreError(f"thinning {table}: {trouble}")
        if not waiting:
            return
        if pause(0.1):
            raise StoreError("stopped while the store was thinning")


def _choose(store: ClickHouse, settings: ThinningSettings, day: date, run: int) -> int:
    """Write down what goes, and announce it; returns the run that was announced first."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    low = int(midnight.timestamp()) * 1_000_000
    chosen: dict[str, Any] = {"run": run, "low": low, "high": low + DAY_US - 1}
    chosen |= {"share": settings.share, "slow_us": settings.slow_us, "uids": list(settings.uids)}
    store.change(_CHOOSE.format(database=store.database), chosen)
    _announce(store, settings, day, run, done=0, traces=0)
    first = _announced(store, settings, day)
    assert first is not None
    return first


def _announced(store: ClickHouse, settings: ThinningSettings, day: date) -> int | None:
    condition = f"thinnings WHERE rules = {{rules:String}} AND done = 0 AND day = '{day:%Y-%m-%d}' ORDER BY run LIMIT 1"
    found = _rows(store, condition, settings, "run")
    return int(found[0][0]) if found else None


def _announce(store: ClickHouse, settings: ThinningSettings, day: date, run: int, *, done: int, traces: int) -> None:
    """The day and the rules are the deduplication token: of two runs the second changes nothing."""
    row: dict[str, list[Any]] = {
        "day": [day],
        "rules": [settings.text()],
        "done": [done],
        "run": [run],
        "traces": [traces],
    }
    store.insert("thinnings", row, f"thinning/{day}/{done}/{settings.text()}")


def _rows(store: ClickHouse, condition: str, settings: ThinningSettings, columns: str) -> Sequence[Any]:
    return store.ask(f"SELECT {columns} FROM {store.database}.{condition}", {"rules": settings.text()})
