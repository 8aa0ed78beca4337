"""Thinning, retention or settling as a process, killed at a statement: ``python chore_process.py SETTINGS_AS_JSON``.

Settings: ``path`` of the store, ``chore`` (thin, retain, settle), ``now_us``, ``kept`` (rows that must be there at the
start, whatever came before: 3 is the exit code when they are not), ``fatal`` (text of a statement; empty: live) and
``when`` (before it, after it, or during: once it is accepted and before it was carried out).
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from hopline_collector.chores import retention, thinning
from hopline_collector.chores.retention import RetentionSettings
from hopline_collector.chores.thinning import ThinningSettings
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_query.store import settling


def die(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


class MortalHandle:
    """The writing handle; statements and inserts are told apart by their text or their table."""

    def __init__(self, handle: Any, store: "MortalStore") -> None:
        self._handle, self._store = handle, store

    def command(self, statement: str, **how: Any) -> Any:
        return self._run(statement, lambda: self._handle.command(statement, **how))

    def insert(self, table: str, rows: Any, **how: Any) -> Any:
        return self._run(f"INSERT {table} VALUES", lambda: self._handle.insert(table, rows, **how))

    def create_insert_context(self, table: str, names: tuple[str, ...], **how: Any) -> Any:
        self._table, self._done = table, names.index("done") if "done" in names else 0
        return self._handle.create_insert_context(table, names, **how)

    def data_insert(self, context: Any) -> Any:
        statement = f"INSERT {self._table} {context.data[self._done][0]}"
        return self._run(statement, lambda: self._handle.data_insert(context))

    def _run(self, statement: str, work: Callable[[], Any]) -> Any:
        when = self._store.when if self._store.fatal and self._store.fatal in statement else ""
        if when == "before":
            die()
        if when == "during":
            table = statement.split()[2]
            self._handle.command(f"SYSTEM STOP MERGES {table}")
            threading.Thread(target=self._store.die_when_accepted, args=(table.partition(".")[2],), daemon=True).start()
        found = work()
        if when == "after":
            die()
        return found


class MortalStore(ClickHouse):
    """A store whose writing handle is a :class:`MortalHandle`."""

    def __init__(self, settings: StoreSettings, fatal: str, when: str) -> None:
        super().__init__(settings)
        self.fatal, self.when = fatal, when

    @contextmanager
    def writer(self) -> Iterator[Any]:
        with super().writer() as handle:
            yield MortalHandle(handle, self)

    def die_when_accepted(self, table: str) -> None:
        """Die once the table has a mutation written down that is not carried out."""
        waiting = "SELECT count() FROM system.mutations WHERE table = {table:String} AND NOT is_done"
        while True:
            with self.reader() as handle:
                if handle.query(waiting, parameters={"table": table}).result_rows[0][0]:
                    die()
            time.sleep(0.01)


def main() -> int:
    wanted = json.loads(sys.argv[1])
    store = MortalStore(StoreSettings(path=wanted["path"]), wanted.get("fatal", ""), wanted.get("when", ""))
    with store.reader() as handle:
        for trace_id, rows in wanted["kept"].items():
            found = handle.command(
                f"SELECT count() FROM {store.database}.spans WHERE lower(hex(trace_id)) = '{trace_id}'"
            )
            if found != rows:
                sys.stderr.write(f"{trace_id} has {found} rows, not {rows}\n")
                return 3
    if wanted["chore"] == "thin":
        rules = ThinningSettings(days=8, slow_us=1_000_000, share=0, uids=("vip",))
        thinning.thin(store, rules, wanted["now_us"])
    elif wanted["chore"] == "settle":
        settling.settle(store, wanted["now_us"])
    else:
        today = datetime.fromtimestamp(wanted["now_us"] / 1_000_000, UTC).date()
        retention.apply(store, RetentionSettings(), today)
    store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
