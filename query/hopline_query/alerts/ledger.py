"""Alerts in the store: changes, deliveries, and the lease that lets one process evaluate.

A block is stored once per token, whoever sends it: the first row for a slot, or for the next change of an alert,
is the only one, and reading it back tells who wrote it.
"""

from collections.abc import Iterable
from typing import Any, Final

from hopline_collector.store.clickhouse import ClickHouse
from hopline_query.alerts.states import Change

LEASE_S: Final = 5
"""Length of a slot; another process takes over after at most two."""

_COLUMNS: Final = ("alert", "sequence", "at_us", "rule", "state", "since_us", "value", "threshold", "labels", "link")


class Ledger:
    """The alert tables of a store. Every method raises StoreError."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store
        self._database = store.database

    def lease(self, slot: int, holder: str) -> bool:
        """Ask for a slot of time; whether it is ours."""
        statement = f"SELECT holder FROM {self._database}.alert_leases WHERE slot = {{slot:UInt64}} LIMIT 1"
        found = self._store.ask(statement, {"slot": slot})
        if not found:
            self._store.insert("alert_leases", {"slot": [slot], "holder": [holder]}, f"alert-lease/{slot}")
            found = self._store.ask(statement, {"slot": slot})
        return bool(found) and str(found[0][0]) == holder

    def holder(self, slot: int) -> str:
        """Who has a slot; empty: nobody yet."""
        statement = f"SELECT holder FROM {self._database}.alert_leases WHERE slot = {{slot:UInt64}} LIMIT 1"
        found = self._store.ask(statement, {"slot": slot})
        return str(found[0][0]) if found else ""

    def write(self, change: Change) -> None:
        """Store a change; a second one of the same alert and sequence is dropped."""
        row: dict[str, list[Any]] = {name: [getattr(change, name)] for name in _COLUMNS}
        self._store.insert("alert_changes", row, f"alert/{change.alert}/{change.sequence}")

    def newest(self) -> dict[int, Change]:
        """The last change of every alert."""
        names = ", ".join(f"argMax({name}, sequence)" for name in _COLUMNS[2:])
        rows = self._store.ask(
            f"SELECT alert, max(c.sequence), {names} FROM {self._database}.alert_changes AS c GROUP BY alert"
        )
        return {int(row[0]): Change(*row) for row in rows}

    def history(self, most: int) -> list[Change]:
        """The last changes of all alerts, newest first."""
        rows = self._store.ask(
            f"SELECT {', '.join(_COLUMNS)} FROM {self._database}.alert_changes"
            " ORDER BY at_us DESC, sequence DESC LIMIT {most:UInt32}",
            {"most": most},
        )
        return [Change(*row) for row in rows]

    def firings(self, alerts: Iterable[int]) -> dict[int, int]:
        """The sequence of the last change to firing, of each alert."""
        rows = self._store.ask(
            f"SELECT alert, max(sequence) FROM {self._database}.alert_changes"
            " WHERE state = 'firing' AND alert IN {alerts:Array(UInt64)} GROUP BY alert",
            {"alerts": list(alerts)},
        )
        return {int(alert): int(sequence) for alert, sequence in rows}

    def delivered(self) -> set[tuple[int, int, str]]:
        """What receivers have got: alert, sequence, receiver."""
        rows = self._store.ask(f"SELECT alert, sequence, receiver FROM {self._database}.alert_deliveries")
        return {(int(alert), int(sequence), str(receiver)) for alert, sequence, receiver in rows}

    def deliver(self, alert: int, sequence: int, receiver: str, now_us: int) -> None:
        """Note that a receiver has got a change."""
        row: dict[str, list[Any]] = {
            "alert": [alert],
            "sequence": [sequence],
            "receiver": [receiver],
            "at_us": [now_us],
        }
        self._store.insert("alert_deliveries", row, f"alert-sent/{alert}/{sequence}/{receiver}")
