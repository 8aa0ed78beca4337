"""Pinned traces: copies of their rows in a table that no retention and no thinning touches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hopline_collector.store.clickhouse import ClickHouse

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")

# What tells one stored copy of a row from another: a block holds an (id, kind) of a trace once.
_COPY: Final = "trace_id, id, kind, start_us, arrived, unfinished"

# Identical rows may have been pinned and unpinned before: deduplication would drop them silently.
_PIN: Final = (
    f"INSERT INTO {{database}}.archive SELECT * FROM {{database}}.spans AS s WHERE trace_id IN ({{wanted}})"
    f" AND ({_COPY}) NOT IN (SELECT {_COPY} FROM {{database}}.archive WHERE trace_id IN ({{wanted}}))"
    " SETTINGS insert_deduplicate = 0"
)
_ONE: Final = "SELECT toFixedString(unhex({id:String}), 16)"
_LIST: Final = (
    "SELECT lower(hex(trace_id)), count(), min(a.start_us), groupUniqArray(toString(service))"
    " FROM {database}.archive AS a GROUP BY trace_id ORDER BY min(a.start_us) DESC, trace_id LIMIT {{most:UInt32}}"
)


@dataclass(frozen=True, slots=True)
class Pinned:
    """One trace of the archive."""

    trace_id: str
    rows: int
    start_us: int
    services: list[str]


def pin(store: ClickHouse, trace_id: str) -> int:
    """Copy the rows of a trace that are not in the archive yet; returns how many it holds then, 0 = unknown trace.

    Rows that come later follow with :func:`refresh`. Raises ValueError for what is no trace id of 32 hex.
    """
    _check(trace_id)
    store.change(_PIN.format(database=store.database, wanted=_ONE), {"id": trace_id})
    statement = f"SELECT count() FROM {store.database}.archive WHERE trace_id IN ({_ONE})"
    return int(_rows(store, statement, {"id": trace_id})[0][0])


def unpin(store: ClickHouse, trace_id: str) -> bool:
    """Delete a trace from the archive; False when it was not there. Raises ValueError as :func:`pin`."""
    _check(trace_id)
    statement = f"SELECT count() FROM {store.database}.archive WHERE trace_id IN ({_ONE})"
    if not _rows(store, statement, {"id": trace_id})[0][0]:
        return False
    # The text of a mutation is kept and run later, so nothing can be bound: 32 hex, checked above.
    store.define(
        f"ALTER TABLE {store.settings.home}.archive $on_cluster DELETE WHERE trace_id = unhex('{trace_id}')"
        " SETTINGS mutations_sync = 2"
    )
    return True


def refresh(store: ClickHouse) -> None:
    """Copy rows of pinned traces that came after the pin. Safe to repeat."""
    wanted = f"SELECT DISTINCT trace_id FROM {store.database}.archive"
    store.change(_PIN.format(database=store.database, wanted=wanted))


def pinned(store: ClickHouse, most: int = 1_000) -> list[Pinned]:
    """The traces of the archive, newest first."""
    found = _rows(store, _LIST.format(database=store.database), {"most": most})
    return [Pinned(trace_id, rows, start, sorted(services)) for trace_id, rows, start, services in found]


def _check(trace_id: str) -> None:
    if not _TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"not a trace id of 32 lower-case hex: {trace_id[:64]!r}")


def _rows(store: ClickHouse, statement: str, parameters: Mapping[str, Any]) -> Any:
    return store.ask(statement, parameters)
