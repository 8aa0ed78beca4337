"""The thread that judges rules and tells receivers, in whichever process has the lease."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from hopline_query.alerts.deliver import DeliveryError, send
from hopline_query.alerts.history import History
from hopline_query.alerts.judge import Reading, readings
from hopline_query.alerts.ledger import LEASE_S, Ledger
from hopline_query.alerts.rules import Rule, Rules, RulesError, parse
from hopline_query.alerts.states import OPEN, Change, alert_id, next_change
from hopline_query.service import QueryService

log = logging.getLogger(__name__)

_TICK_S: Final = 1.0
_PATIENCE_S: Final = 1.0
"""A slot that nobody asked for in time is anybody's so many seconds after it began."""

_BACK_OFF_S: Final = (2.0, 5.0, 15.0, 60.0)
_SHOWN_US: Final = 86_400_000_000
_EMPTY: Final = Rules({}, (), ())
_NOTHING: Final[Mapping[int, float]] = MappingProxyType({})


class Evaluator:
    """Judges the rules of `file` over `service`; `base` is put before links that leave the server."""

    def __init__(self, service: QueryService, ledger: Ledger, file: Path, base: str) -> None:
        self._service = service
        self._history = History(service)
        self._ledger = ledger
        self._file = file
        self._base = base
        self._me = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._rules = _EMPTY
        self._stamp: tuple[int, int] | None = None
        self._retry: dict[tuple[int, int, str], tuple[int, float]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._held = 0
        self.trouble = ""
        self.failures = 0
        self.deliveries = 0

    def start(self) -> None:
        """Begin; never fails."""
        self._thread = threading.Thread(target=self._run, name="hopline-alerts", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End within `timeout` seconds."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def alerts(self, now_us: int) -> list[dict[str, Any]]:
        """Every alert that is pending or firing, or resolved within a day: as the API shows it. Raises StoreError."""
        known = {rule.name for rule in self._rules.rules}
        shown = [
            self._shown(change, now_us)
            for change in self._ledger.newest().values()
            if change.rule in known and (change.state in OPEN or now_us - change.at_us < _SHOWN_US)
        ]
        return sorted(shown, key=lambda alert: (alert["state"] == "resolved", -alert["since_us"]))

    def history(self, most: int) -> list[dict[str, Any]]:
        """The last changes, newest first. Raises StoreError."""
        return [self._shown(change, 0) | {"at_us": change.at_us} for change in self._ledger.history(most)]

    # -- the thread

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._load()
                if self._rules.rules and self._mine():
                    self._evaluate()
                    self._deliver()
                self._say("")
            except Exception as error:
                self._say(f"{type(error).__name__}: {error}"[:300])
            self._stop.wait(_TICK_S)

    def _say(self, trouble: str) -> None:
        """A trouble that stays is one line of the log."""
        if trouble and trouble != self.trouble:
            log.warning("alerts cannot be judged: %s", trouble)
        self.trouble = trouble

    def _load(self) -> None:
        """Read the file again when it changed; a bad one leaves the rules as they were."""
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp == self._stamp:
                return
            self._rules = parse(self._file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RulesError(f"{self._file}: {error}") from None
        self._stamp = stamp

    def _mine(self) -> bool:
        """Whether this process evaluates now; whoever did goes on, others wait until it does not."""
        now = time.time()
        slot = int(now // LEASE_S)
        if self._held >= slot:
            if now % LEASE_S > LEASE_S / 2 and self._held == slot and self._ledger.lease(slot + 1, self._me):
                self._held = slot + 1
            return True
        if now % LEASE_S < _PATIENCE_S:
            return False
        if self._ledger.lease(slot, self._me):
            self._held = slot
            return True
        return False

    def _evaluate(self) -> None:
        last = self._ledger.newest()
        for rule in self._rules.rules:
            now_us = self._service.clock()
            found = {
                alert_id(rule.name, one.labels): one for one in readings(self._service, rule, now_us, self._history)
            }
            left = {key: None for key, change in last.items() if change.rule == rule.name and change.state in OPEN}
            everything: Mapping[int, Reading | None] = {**left, **found}
            for key, reading in everything.items():
                change = next_change(rule, reading, last.get(key), now_us)
                if change is not None:
                    self._ledger.write(change)

    def _deliver(self) -> None:
        """Send what somebody has not got yet: firings that still are, and the end of firings that were sent."""
        rules = {rule.name: rule for rule in self._rules.rules}
        newest = {key: c for key, c in self._ledger.newest().items() if c.rule in rules and c.state != "pending"}
        if not newest:
            return
        sent = self._ledger.delivered()
        firings = self._ledger.firings(newest)
        for key, change in newest.items():
            if change.state == "firing" and self._silenced(change):
                continue
            for name in rules[change.rule].notify:
                told = (key, firings.get(key, 0), name) in sent
                if (key, change.sequence, name) not in sent and (change.state == "firing" or told):
                    self._send(change, name)

    def _send(self, change: Change, name: str) -> None:
        key = (change.alert, change.sequence, name)
        tries, due = self._retry.get(key, (0, 0.0))
        if time.monotonic() < due:
            return
        try:
            send(self._rules.receivers[name], change, self._base)
        except DeliveryError as error:
            self.failures += 1
            if not tries:
                log.warning("receiver %s did not take an alert: %s", name, error)
            self._retry[key] = (tries + 1, time.monotonic() + _BACK_OFF_S[min(tries, len(_BACK_OFF_S) - 1)])
            return
        self._retry.pop(key, None)
        self.deliveries += 1
        self._ledger.deliver(*key, self._service.clock())

    def _silenced(self, change: Change, now_us: int = 0) -> bool:
        now_us = now_us or self._service.clock()
        return any(silence.covers(change.rule, change.labels, now_us) for silence in self._rules.silences)

    def _shown(self, change: Change, now_us: int) -> dict[str, Any]:
        silenced = bool(now_us) and change.state == "firing" and self._silenced(change, now_us)
        measures = {rule.name: rule.measure for rule in self._rules.rules}
        return {
            "rule": change.rule,
            "measure": measures.get(change.rule, ""),
            "state": "silenced" if silenced else change.state,
            "since_us": change.since_us,
            "value": change.value,
            "threshold": change.threshold,
            "labels": dict(change.labels),
            "link": change.link,
        }


def simulate(
    rule: Rule, points: list[tuple[int, float | None]], step_us: int, usual: Mapping[int, float] = _NOTHING
) -> list[dict[str, Any]]:
    """When a rule would have fired over past windows: start, end (None: still), worst value. Pure.

    `usual` is by the start of a window, for rules that are held against earlier days.
    """
    fired: list[dict[str, Any]] = []
    since: int | None = None
    for start, value in points:
        if not rule.met(value, usual.get(start)):
            since = None
            if fired and fired[-1]["to_us"] is None:
                fired[-1]["to_us"] = start
            continue
        assert value is not None
        since = start if since is None else since
        if fired and fired[-1]["to_us"] is None:
            worse = min if rule.is_floor else max
            fired[-1]["value"] = worse(fired[-1]["value"], value)
        elif start + step_us - since >= rule.for_s * 1_000_000:
            fired.append({"from_us": start + step_us, "to_us": None, "value": value})
    return fired
