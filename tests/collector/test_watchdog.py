"""The watchdog: gives up only when something waits, could move, and does not."""

import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from hopline_collector.handover.watchdog import EXIT_CODE, Watchdog, watch
from hopline_collector.sources.source import PartitionKey

KEY = PartitionKey("t", 0)
POLLS = float("inf")
"""Polling goes on."""


def line(*, progress: int = 0, waiting: int = 1, behind: int = 0, **lane: Any) -> Any:
    found = SimpleNamespace(**{"away": False, "stopped": False, "key": KEY, "idle": not waiting, **lane})
    return SimpleNamespace(progress=progress, lanes={KEY: found}, behind=lambda _: behind, polled_at=POLLS)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (line(), True),
        (line(waiting=0, behind=3), True),
        (line(waiting=0), False),
        (line(away=True), False),
        (line(stopped=True), False),
    ],
)
def test_it_tells_stuck_from_idle_and_from_away(subject: Any, expected: bool) -> None:
    """C9: lag without movement is stuck; no lag, a store that is away, and a stop that health shows are not."""
    now = [0.0]
    dog = Watchdog(60, monotonic=lambda: now[0])
    assert not dog.stuck([subject])
    now[0] = 61
    assert dog.stuck([subject]) is expected


def test_polling_that_does_not_come_back_is_stuck() -> None:
    """K3: the library may hang or spin inside of a poll, with no lag that anybody knows of."""
    now = [0.0]
    dog = Watchdog(60, monotonic=lambda: now[0])
    subject = line(waiting=0)
    subject.polled_at = 0.0
    assert not dog.stuck([subject])
    now[0] = 61
    assert dog.stuck([subject])


def test_a_finished_block_starts_the_time_anew() -> None:
    """C9: slow is not stuck."""
    now = [0.0]
    dog = Watchdog(60, monotonic=lambda: now[0])
    subject = line()
    for step in range(10):
        now[0] += 50
        subject.progress = step
        assert not dog.stuck([subject])


def test_it_gives_up_once() -> None:
    """C9: the action is called and the watch is over."""
    called: list[int] = []
    watch(lambda: [line()], 0.05, threading.Event(), lambda: called.append(1))
    assert called == [1]


def test_giving_up_shows_every_stack_and_the_exit_code() -> None:
    """C9: whoever reads the log sees where each thread stood."""
    script = "from hopline_collector.handover.watchdog import dump_and_exit; dump_and_exit()"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == EXIT_CODE
    assert "dump_and_exit" in found.stderr
