"""Ages of the steps: what hangs shows, what has nothing to do does not."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hopline_collector.block.core import Block
from hopline_collector.handover import ages
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.inserts import InsertThread
from hopline_collector.health import Examination
from hopline_collector.sources.journal import Journal
from hopline_collector.store.errors import StoreAwayError
from hopline_collector.store.memory import MemoryWriter
from support.waiting import wait_until
from support.wire_rows import NOW, wire_message, wire_row


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def found(line: HandOver, clock: Clock) -> dict[str, float]:
    return {age.step: age.seconds for age in ages.ages(list(line.lanes.values()), clock())}


def hand_over(journal: Journal, clock: Clock, writer: Any = None, **more: Any) -> HandOver:
    settings = HandOverSettings(block_seconds=0.0)
    return HandOver(journal, writer or MemoryWriter(), settings, clock=lambda: NOW, monotonic=clock, **more)


def test_nothing_ages_where_nothing_waits(journal: Journal) -> None:
    """K3: an idle partition is polled and has nothing to be late with."""
    clock = Clock()
    line = hand_over(journal, clock)
    for _ in range(3):
        clock.now += 60
        line.step(0.0)
        line.look_at_ends()
    assert found(line, clock) == dict.fromkeys(ages.STEPS, 0.0)


def test_a_store_that_is_away_ages_the_steps_behind_it(journal: Journal) -> None:
    """K3: polling goes on, the insert and the commit grow old."""

    class Away(MemoryWriter):
        def write(self, block: Block, token: str) -> None:
            raise StoreAwayError("away")

    clock = Clock()
    line = hand_over(journal, clock, Away())
    line.step(0.0)
    journal.append([("native", wire_message(wire_row(1)))])
    for _ in range(6):
        clock.now += 10
        line.step(0.0)
    told = found(line, clock)
    assert told["poll"] == 0.0
    assert told["insert"] >= 50
    assert told["commit"] >= 50


def test_a_thread_that_hangs_ages_everything(journal: Journal) -> None:
    """K3: whatever it hangs in, nothing is done any more, and after ten seconds it is told."""
    clock = Clock()
    line = hand_over(journal, clock)
    line.step(0.0)
    clock.now += ages.HANG_SECONDS + 1
    assert set(found(line, clock).values()) == {11.0}
    assert "not come back to polling for 11 s" in ages.hang(line.polled_at, list(line.lanes.values()), clock())


def test_an_insert_that_hangs_is_told(journal: Journal) -> None:
    """K3: the engine may hang on its own thread, while polling goes on."""
    clock, release = Clock(), threading.Event()

    class Hanging(MemoryWriter):
        def write(self, block: Block, token: str) -> None:
            release.wait(60)
            super().write(block, token)

    inserts = InsertThread("test-insert")
    line = hand_over(journal, clock, Hanging(), inserts=inserts)
    journal.append([("native", wire_message(wire_row(1)))])
    for _ in range(3):
        line.step(0.0)
    clock.now += 12
    line.step(0.0)
    assert "an insert has been under way for 12 s" in ages.hang(line.polled_at, list(line.lanes.values()), clock())
    release.set()
    wait_until(lambda: line.step(0.01) or all(lane.idle for lane in line.lanes.values()))
    inserts.close()


def test_health_tells_of_lines_while_the_store_does_not_answer() -> None:
    """K3: a look at the store that hangs hides nothing else, and is told itself."""
    release = threading.Event()

    def hangs() -> dict[str, str]:
        release.wait(60)
        return {}

    examination = Examination(hangs, lambda: {"kafka": "hangs"})
    assert asyncio.run(examination.troubles())["kafka"] == "hangs"
    release.set()
