"""A watchdog over the hand-over: when messages wait and nothing moves, the process had better start anew.

A store or broker that is away, and a partition that stopped and says so, are no
reason: starting anew would not help.
"""

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from hopline_collector.handover.consumer import HandOver
from hopline_collector.handover.lanes import Lane

log = logging.getLogger(__name__)

EXIT_CODE: Final = 70
"""Of a process that found itself stuck (EX_SOFTWARE of sysexits.h)."""


class Watchdog:
    """Looks at hand-overs now and then. ``monotonic`` gives seconds."""

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._seen: dict[int, tuple[int, float]] = {}

    def stuck(self, lines: Iterable[HandOver]) -> bool:
        """Whether a hand-over has had something to do for too long without finishing a block, or polls no more."""
        now = self._monotonic()
        found = False
        for line in lines:
            progress, since = self._seen.get(id(line), (-1, now))
            if progress != line.progress or not any(_waits(line, lane) for lane in list(line.lanes.values())):
                progress, since = line.progress, now
            self._seen[id(line)] = progress, since
            found = found or now - since >= self._seconds or now - line.polled_at >= self._seconds
        return found


def _waits(line: HandOver, lane: Lane) -> bool:
    if lane.away or lane.stopped:
        return False
    return not lane.idle or line.behind(lane) > 0


def watch(
    lines: Callable[[], Iterable[HandOver]], seconds: float, stop: threading.Event, give_up: Callable[[], None]
) -> None:
    """Call ``give_up`` once when something is stuck; returns then, or when ``stop`` is set."""
    dog = Watchdog(seconds)
    while not stop.wait(min(seconds / 10, 5.0)):
        if dog.stuck(lines()):
            give_up()
            return


def dump_and_exit() -> None:
    """Write every thread's stack to standard error and end the process at once."""
    log.critical("messages wait and nothing moves: ending, to be started anew")
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    os._exit(EXIT_CODE)
