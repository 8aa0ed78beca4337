"""What may go wrong around the hand-over and must not end it: surprises of a library, a store that is too busy."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hopline_collector.handover.consumer import INSERT_FAILURES, HandOver, HandOverSettings
from hopline_collector.rules.rule_book import NoRules
from hopline_collector.rules.rules import Rules, RulesError
from hopline_collector.sources.journal import Journal
from hopline_collector.sources.source import Event, SourceError
from hopline_collector.store.errors import StoreBusyError
from hopline_collector.store.memory import MemoryWriter
from support.waiting import wait_until
from support.wire_rows import NOW, wire_message, wire_row

SETTINGS = HandOverSettings(block_seconds=0.0)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def test_a_surprise_of_the_library_does_not_end_the_hand_over(
    journal: Journal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C1, C9: an exception that nobody foresaw is logged with its stack, and the next round goes on."""
    journal.append([("native", wire_message(wire_row(1)))])
    poll = journal.poll
    surprises: list[Exception] = [KeyError("node"), AssertionError("no coordinator")]

    def poll_or_stumble(timeout: float) -> list[Event]:
        if surprises:
            raise surprises.pop()
        return poll(timeout)

    monkeypatch.setattr(journal, "poll", poll_or_stumble)
    monkeypatch.setattr("hopline_collector.handover.consumer._STUMBLE_SECONDS", 0.01)
    line, stop = HandOver(journal, MemoryWriter(), SETTINGS, clock=lambda: NOW), threading.Event()
    thread = threading.Thread(target=line.run, args=(stop,))
    thread.start()
    wait_until(lambda: line.progress == 1, what="the block")
    stop.set()
    thread.join()
    assert "no coordinator" in caplog.text


class BusyWriter(MemoryWriter):
    """A store whose read handles are all in use for as long as a partition may fail, and longer."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = INSERT_FAILURES + 5

    def ledger_end(self, *place: Any) -> int:
        if self.refusals:
            self.refusals -= 1
            raise StoreBusyError("every read handle is in use")
        return super().ledger_end(*place)


def test_a_store_that_is_too_busy_stops_no_partition(journal: Journal) -> None:
    """C2: however long; the partition waits and goes on."""
    journal.append([("native", wire_message(wire_row(1)))])
    writer, now = BusyWriter(), [0.0]
    line = HandOver(journal, writer, SETTINGS, clock=lambda: NOW, monotonic=lambda: now[0])
    for _ in range(writer.refusals + 5):
        line.step(0.0)
        now[0] += 10.0
    (lane,) = line.lanes.values()
    assert (lane.stopped, lane.trouble) == (False, "")
    assert line.progress == 1


class LateRules(NoRules):
    """Snapshots that cannot be read for a while, as on a replica that lags."""

    def __init__(self, failures: int) -> None:
        self._failures = failures

    def load(self, number: int) -> Rules:
        if self._failures:
            self._failures -= 1
            raise RulesError(f"the plan names rules {number}, which are not there")
        return super().load(number)


def test_rules_that_cannot_be_read_yet_stop_no_partition(journal: Journal) -> None:
    """K4: a snapshot that a replica lacks still comes; waiting for it is no failure of the block."""
    writer, now = MemoryWriter(), [0.0]
    journal.append([("native", wire_message(wire_row(1)))])
    rules = LateRules(INSERT_FAILURES + 5)
    line = HandOver(journal, writer, SETTINGS, rules=rules, clock=lambda: NOW, monotonic=lambda: now[0])
    for _ in range(INSERT_FAILURES + 10):
        now[0] += 10
        line.step(0.0)
    assert [row["id"] for row in writer.rows] == [1]


def test_a_source_that_does_not_answer_is_told_until_it_does(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """K3: a broker that hangs makes polling come back empty; only its other calls tell."""
    away, answer = threading.Event(), journal.ends

    def ends() -> Any:
        if away.is_set():
            raise SourceError("no answer in 5000 ms")
        return answer()

    monkeypatch.setattr(journal, "ends", ends)
    away.set()
    line, stop = HandOver(journal, MemoryWriter(), SETTINGS), threading.Event()
    thread = threading.Thread(target=line.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: "no answer in 5000 ms" in line.trouble)
        away.clear()
        wait_until(lambda: not line.trouble)
    finally:
        stop.set()
        thread.join()
