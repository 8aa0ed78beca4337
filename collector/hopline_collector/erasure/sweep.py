"""One erasure, in steps that may each be repeated after a death.

The traces that go are named first, under the number of the run. Their rows are deleted from every table by that
list, so that no mutation's text holds the id; other rows that mention it are told by a hash of their key. The parts
behind all that are removed at once, and the whole is looked at again until nothing is found.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from hopline_collector.erasure.needle import Needle
from hopline_collector.erasure.places import Place, places
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError

_ROUNDS: Final = 10
_CHUNK: Final = 4_000
_PATIENCE_S: Final = 180.0
_UNLOGGED: Final = "SETTINGS log_queries = 0"


class Sweep:
    """Erases `needle` from `store` under the number `run`; `pause` waits, and says whether to stop."""

    def __init__(self, store: ClickHouse, needle: Needle, run: int, pause: Callable[[float], object]) -> None:
        self._store = store
        self._needle = needle
        self._run = run
        self._pause = pause
        self._home = store.settings.home
        self._listed = f"(SELECT trace_id FROM {{database}}.erasing WHERE run = {run:d})"

    def count(self) -> tuple[int, dict[str, int]]:
        """How many traces would go, and how many rows by place; names the traces and deletes nothing."""
        found = places(self._store)
        self._name_traces(found)
        rows = {place.name: self._held(place) for place in found}
        return self._traces(), {name: count for name, count in rows.items() if count}

    def erase(self) -> None:
        """Do it. Raises StoreError when it cannot be finished now: the same again goes on."""
        for _ in range(_ROUNDS):
            found = places(self._store)
            self._name_traces(found)
            held = [place for place in found if self._held(place)]
            for place in held:
                self._delete(place)
            self._remove_old_parts(found)
            if not held:
                return
        raise StoreError("rows of this id keep coming: stop what sends them, then ask again")

    def forget(self) -> None:
        """Delete the list of the run."""
        self._store.define(f"ALTER TABLE {self._home}.erasing $on_cluster DELETE WHERE run = {self._run:d}")
        self._wait(Place(self._home, "erasing", by_trace=True, key="run", texts=()))

    # -- steps

    def _name_traces(self, found: Sequence[Place]) -> None:
        database = self._store.database
        insert = f"INSERT INTO {database}.erasing (run, trace_id) SELECT DISTINCT {self._run:d}, trace_id FROM"
        fresh = f"trace_id NOT IN {self._listed.format(database=database)}"
        if self._needle.trace:
            one = f"(SELECT toFixedString(unhex('{self._needle.text}'), 16) AS trace_id)"
            self._store.change(f"{insert} {one} WHERE {fresh} SETTINGS insert_deduplicate = 0")
            return
        for place in found:
            if place.by_trace and place.texts:
                condition = self._needle.found_in([column.name for column in place.texts])
                statement = f"{insert} {database}.{place.table} WHERE {condition} AND {fresh}"
                self._store.change(f"{statement} {_UNLOGGED}, insert_deduplicate = 0", self._needle.parameters())

    def _traces(self) -> int:
        listed = self._listed.format(database=self._store.database)
        return int(self._scan(f"SELECT uniqExact(trace_id) FROM {listed}")[0][0])

    def _held(self, place: Place) -> int:
        return int(self._scan(f"SELECT count() FROM {self._of(place)} WHERE {self._condition(place)}")[0][0])

    def _condition(self, place: Place) -> str:
        if place.by_trace:
            return f"trace_id IN {self._listed.format(database=self._store.database)}"
        return self._needle.found_in([column.name for column in place.texts])

    def _delete(self, place: Place) -> None:
        table = f"{place.database}.{place.table}"
        if place.by_trace:
            listed = self._listed.format(database=self._home)
            self._store.define(f"ALTER TABLE {table} $on_cluster DELETE WHERE trace_id IN {listed}")
        for keys in _chunks(iter(self._keys(place)) if not place.by_trace else iter(())):
            chosen = f"cityHash64({place.key}) IN ({', '.join(map(str, keys))})"
            for command in self._commands(place, chosen):
                self._store.define(f"ALTER TABLE {table} $on_cluster {command}")
        self._wait(place)

    def _keys(self, place: Place) -> list[int]:
        statement = f"SELECT DISTINCT cityHash64({place.key}) FROM {self._of(place)} WHERE {self._condition(place)}"
        return [int(row[0]) for row in self._scan(statement)]

    def _commands(self, place: Place, chosen: str) -> Iterator[str]:
        """What rids the chosen rows of the text: a row whose key holds it can only go whole."""
        keyed = [column.name for column in place.texts if column.in_key]
        hit = bool(keyed) and bool(
            self._scan(f"SELECT count() FROM {self._of(place)} WHERE {self._needle.found_in(keyed)}")[0][0]
        )
        if place.whole_rows or hit:
            yield f"DELETE WHERE {chosen}"
            return
        for column in place.texts:
            if not column.in_key:
                yield f"UPDATE {column.name} = defaultValueOfTypeName('{_plain(column.type)}') WHERE {chosen}"

    def _wait(self, place: Place) -> None:
        """Wait until the table's mutations are done, without the writing handle: the hand-over needs it meanwhile."""
        statement = (
            f"SELECT count(), max(latest_fail_reason) FROM {self._store.settings.system('mutations')}"
            " WHERE database = {database:String} AND table = {table:String} AND NOT is_done"
        )
        while True:
            asked = {"database": place.database, "table": place.table}
            ((waiting, trouble),) = self._store.ask(statement, asked)
            if trouble:
                raise StoreError(f"erasing from {place.name}: {trouble}")
            if not waiting:
                return
            self._rest(0.1)

    def _remove_old_parts(self, found: Sequence[Place]) -> None:
        """Parts that were replaced would stay eight minutes; dropping a partition that is not there removes them.

        Those that are there now are waited for: what merges replace meanwhile is made of clean parts.
        """
        known = {(place.database, place.table) for place in found}
        old = {part for part in self._old_parts() if part[:2] in known}
        tables = sorted({f"{database}.{table} $on_cluster" for database, table, _ in old})
        deadline = time.monotonic() + _PATIENCE_S
        for table in tables:
            self._store.define(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 0")
        try:
            while old:
                for table in tables:
                    self._store.define(f"ALTER TABLE {table} DROP PARTITION ID '00010101'")
                old &= self._old_parts()
                if old and time.monotonic() > deadline:
                    raise StoreError("replaced parts are still being read")
                if old:
                    self._rest(0.5)
        finally:
            for table in tables:
                self._store.define(f"ALTER TABLE {table} RESET SETTING old_parts_lifetime")

    def _old_parts(self) -> set[tuple[str, str, str]]:
        """Replaced parts of our tables and of the engine's own logs: database, table, name."""
        statement = (
            f"SELECT DISTINCT database, table, name FROM {self._store.settings.system('parts')}"
            " WHERE NOT active AND (database = {home:String} OR database = 'system' AND table LIKE '%\\_log%')"
        )
        return {(str(d), str(t), str(name)) for d, t, name in self._store.ask(statement, {"home": self._home})}

    def _rest(self, seconds: float) -> None:
        if self._pause(seconds):
            raise StoreError("stopped while the store was erasing")

    def _of(self, place: Place) -> str:
        """The table to read: of a cluster the one over all shards."""
        return f"{self._store.database if place.database == self._home else place.database}.{place.table}"

    def _scan(self, statement: str) -> Any:
        """Read without the limits that questions have: whole tables are looked through."""
        with self._store.writer() as handle:
            return handle.query(f"{statement} {_UNLOGGED}", parameters=self._needle.parameters()).result_rows


def _plain(column_type: str) -> str:
    """The type that a value has: without what only says how it is merged or kept."""
    if column_type.startswith("SimpleAggregateFunction("):
        column_type = column_type.removeprefix("SimpleAggregateFunction(").removesuffix(")").partition(", ")[2]
    return column_type.replace("'", "\\'")


def _chunks(values: Iterator[int]) -> Iterator[list[int]]:
    while chunk := list(islice(values, _CHUNK)):
        yield chunk
