"""What all rows of one process share: its settings, its counters, its clock, and the way to its sender.

Rows hold this and nothing above it, so that whoever reads a row needs neither tracer nor reporter.
"""

import os
from collections.abc import Callable
from time import perf_counter_ns, time_ns
from typing import Any, Final

from hopline.config import Config
from hopline.counts import Counts, Warner
from hopline.version import __version__
from hopline.vocabulary import PROCESS_FIELDS

LIBRARY: Final = "hopline-python"


class Process:
    """One process as its rows know it.

    ``append`` hands a begun row to the sender; ``admit`` makes room for more and sees that the
    sender runs. ``epoch_ns`` turns readings of ``clock`` into nanoseconds since the epoch: the default
    clock is monotonic, so that a step of the wall clock bends no duration.
    """

    __slots__ = ("admit", "append", "clock", "config", "counts", "enabled", "epoch_ns", "facts", "wall", "warner")

    def __init__(
        self, config: Config, counts: Counts, append: Callable[[Any], None], admit: Callable[[], None]
    ) -> None:
        self.config = config
        self.counts = counts
        self.append = append
        self.admit = admit
        self.warner = Warner()
        self.enabled = config.enabled
        self.clock: Callable[[], int] = config.clock or perf_counter_ns
        self.wall: Callable[[], int] = config.clock or time_ns
        self.epoch_ns = 0
        self.facts: dict[str, str] = {}
        """What a message says once for all its rows: :data:`hopline.model.PROCESS_FIELDS` and the library."""
        self.anchor()
        self.name_itself()

    @property
    def instance(self) -> str:
        """Name of this process; read after a fork, it names the child."""
        return self.facts["instance"]

    def anchor(self) -> None:
        """Renew the whole microseconds, in ns, to add to the monotonic clock: the wall clock may have been set."""
        if self.config.clock is None:
            self.epoch_ns = (time_ns() - perf_counter_ns()) // 1000 * 1000

    def name_itself(self) -> None:
        """Renew the facts, in place: a forked child has another process id."""
        config = self.config
        self.facts.update((name, getattr(config, name)) for name in PROCESS_FIELDS)
        host = config.host or os.uname().nodename
        self.facts.update(
            host=host, instance=config.instance or f"{host}:{os.getpid()}", library=f"{LIBRARY}/{__version__}"
        )
