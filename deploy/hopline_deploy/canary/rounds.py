"""Rounds of the canary: one by itself, or one after another in a thread of a server process."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hopline_deploy.canary.probe import WAYS, Probe, WrongError, new_probe, send
from hopline_deploy.remote import Remote, RemoteError

log = logging.getLogger(__name__)

DOOR: Final = "door"
"""The way in, beside the ways back of `probe.WAYS`."""

PATIENCE_S: Final = 30.0
_FIRST_S: Final = 10.0
_BEGIN_S: Final = 0.05
_LONGEST_S: Final = 1.0
_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


Doors = Callable[[], tuple[Remote, Remote]]
"""The way in and the way back."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round found: seconds from the post to the right answer, by way; and what is wrong, by way."""

    trace_id: str
    found_s: Mapping[str, float] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)


def run_round(
    door: Remote, reader: Remote, probe: Probe, wait: Callable[[float], bool], patience_s: float = PATIENCE_S
) -> Round:
    """Send `probe` and ask for it until every way is right; `wait` sleeps and says whether to give up."""
    began = time.monotonic()
    try:
        send(door, probe)
    except (RemoteError, WrongError, ValueError, LookupError, TypeError) as error:
        return Round(probe.trace_id, wrong={DOOR: _said(error)})
    found: dict[str, float] = {}
    wrong = dict.fromkeys(WAYS, "not asked yet")
    for pause in _pauses():
        for way in list(wrong):
            try:
                WAYS[way](reader, probe)
            except (RemoteError, WrongError, ValueError, LookupError, TypeError) as error:
                wrong[way] = _said(error)
            else:
                found[way] = time.monotonic() - began
                del wrong[way]
        if not wrong or time.monotonic() - began > patience_s or wait(pause):
            break
    return Round(probe.trace_id, found, wrong)


def _pauses() -> Iterator[float]:
    pause = _BEGIN_S
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_S)


def _said(error: Exception) -> str:
    """One line; an answer of another shape than expected is wrong too."""
    known = isinstance(error, RemoteError | WrongError)
    return str(error) if known else f"an answer of another shape: {type(error).__name__} {error}"[:300]


class Canary:
    """The thread that runs a round every `every_s` seconds and keeps what the last one found."""

    def __init__(self, doors: Doors, host: str, every_s: float, registry: CollectorRegistry) -> None:
        self._doors = doors
        self._host = host
        self._every_s = every_s
        self._stop = threading.Event()
        self._last: Round | None = None
        self._told: frozenset[str] = frozenset()
        self._meters = _Meters(registry)

    def start(self) -> None:
        """Begin; never fails."""
        threading.Thread(target=self._run, name="hopline-canary", daemon=True).start()

    def stop(self, _seconds: float) -> None:
        """End after the request under way; nothing waits for it: the thread holds nothing."""
        self._stop.set()

    def troubles(self) -> dict[str, str]:
        """What the last round found wrong, as health shows it: one part, ``canary``."""
        last = self._last
        wrong = last.wrong if last else {}
        return {"canary": "; ".join(f"{way}: {text}" for way, text in wrong.items())} if wrong else {}

    def wrong_ways(self) -> int | None:
        """How many ways the last round found wrong; None before the first."""
        return None if self._last is None else len(self._last.wrong)

    def _run(self) -> None:
        self._stop.wait(min(_FIRST_S, self._every_s))
        while not self._stop.is_set():
            began = time.monotonic()
            probe = new_probe(self._host, time.time_ns() // 1_000)
            # Anew each time: the certificate that is trusted may have been renewed.
            done = run_round(*self._doors(), probe, self._stop.wait)
            if self._stop.is_set():
                return
            self._last = done
            self._meters.count(done)
            self._tell(done)
            self._stop.wait(max(0.0, self._every_s - (time.monotonic() - began)))

    def _tell(self, done: Round) -> None:
        """A trouble that stays is one line of the log."""
        ways = frozenset(done.wrong)
        if ways != self._told:
            if ways:
                log.warning("the canary is not what went in: %s", self.troubles()["canary"])
            else:
                log.info("the canary is found again in every way")
        self._told = ways


class _Meters:
    """The canary in Prometheus' terms."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._right = Gauge(
            "hopline_canary_right", "Whether the last known trace was right, by way.", ["way"], registry=registry
        )
        self._found = Histogram(
            "hopline_canary_found_seconds",
            "Seconds from the post of a known trace until a way shows it as it is.",
            ["way"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._rounds = Counter("hopline_canary_rounds", "Known traces sent, by result.", ["result"], registry=registry)
        self._at = Gauge(
            "hopline_canary_last_right_timestamp_seconds",
            "When a known trace was last right in every way; before the first, when this process began.",
            registry=registry,
        )
        self._at.set_to_current_time()
        for result in ("right", "wrong"):
            self._rounds.labels(result)

    def count(self, done: Round) -> None:
        """Note what a round found; ways that were not reached are neither right nor found."""
        for way in (DOOR, *WAYS):
            self._right.labels(way).set(way in done.found_s or (way == DOOR and DOOR not in done.wrong))
        for way, seconds in done.found_s.items():
            self._found.labels(way).observe(seconds)
        self._rounds.labels("wrong" if done.wrong else "right").inc()
        if not done.wrong:
            self._at.set_to_current_time()
