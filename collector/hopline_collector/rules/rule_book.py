"""Keeps the rules: learns what blocks bring, and makes the next numbered snapshot.

Any number of collectors may do this at once. A number is given away once: whoever
offers a snapshot under it second gets the first one back, takes its own news over and
offers under the next number. So numbers rise without a gap and none ever means two things.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from hopline_collector.block.limits import DAY_US
from hopline_collector.rules import rules as grammar
from hopline_collector.rules.rules import ALL, OPERATIONS_MAX, OTHER, News, Rate, Rules, RulesError

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""How often the newest snapshot of others is looked for."""

SWEEP_SECONDS: Final = 60.0
"""How often traces are looked for that grew too large a few rows at a time."""

REVIEW_US: Final = DAY_US
"""How often names that are used no more make room."""

REVIEW_FULL_US: Final = 3_600_000_000
"""The same while no more names fit: new services wait for the room."""

CLOSED_MAX: Final = 10_000
CLOSED_US: Final = 9 * DAY_US
"""How long a closed trace is remembered: no row of it may come later."""

_OFFERS: Final = 20
_CACHED: Final = 16


class Snapshots(Protocol):
    """Where snapshots are kept, and what is asked of the store to make one."""

    def newest(self) -> tuple[int, str] | None:
        """The highest number and its text; None before the first."""

    def read(self, number: int) -> str | None:
        """The text of a snapshot."""

    def offer(self, number: int, text: str, now_us: int) -> str:
        """Store ``text`` under ``number`` unless that is taken; returns what is stored there."""

    def too_large(self, suspects: Iterable[bytes], rows: int, now_us: int) -> set[bytes]:
        """Traces with more than ``rows`` rows: among ``suspects``, or among all of the last days when it is empty."""

    def close_traces(self, trace_ids: Iterable[bytes], now_us: int) -> None:
        """Let readers know that these traces take no more rows."""

    def operations_in_use(self, now_us: int) -> Mapping[str, frozenset[str]]:
        """Service -> names that were used in the last days; of more than fit the latest of each service."""


class RuleKeeper(Protocol):
    """What the hand-over asks of the rules."""

    def current(self, now_us: int) -> int:
        """The number for the next plan."""

    def load(self, number: int) -> Rules:
        """The snapshot that a plan names."""

    def observe(self, news: News) -> None:
        """Learn from a block that was handed over."""


class NoRules:
    """Snapshot 0 and nothing learnt: for trials, and where nothing has to be remembered."""

    def current(self, now_us: int) -> int:  # noqa: ARG002  the keeper's shape
        """Always 0."""
        return 0

    def load(self, number: int) -> Rules:
        """Snapshot 0. Raises :class:`RulesError` for any other."""
        if number:
            raise RulesError(f"the plan names rules {number}, which are not there")
        return Rules()

    def observe(self, news: News) -> None:
        """Nothing is remembered."""


class RuleBook:
    """The rules in force, and the way to those of a plan. Thread-safe.

    ``share`` is the part of all traces to keep, in parts per million; None leaves the rate as it is.
    """

    def __init__(
        self, snapshots: Snapshots, share: int | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._snapshots = snapshots
        self._share = share
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._rules: Rules | None = None
        self._loaded: dict[int, Rules] = {0: Rules()}
        self._operations: dict[str, dict[str, None]] = {}
        self._suspects: set[bytes] = set()
        self._look_at = 0.0
        self._sweep_at = 0.0

    def current(self, now_us: int) -> int:
        """The number for the next plan; makes a snapshot first when there is news.

        Once a snapshot is known, a store that does not answer only delays the next one.
        """
        with self._lock:
            if self._rules is None:
                self._rules = self._begin(now_us)
            try:
                self._keep_up(now_us)
            except Exception as error:
                log.warning("no new rules could be made: %s", error)
            return self._rules.number

    def load(self, number: int) -> Rules:
        """The snapshot that a plan names. Raises :class:`RulesError` when it is not there."""
        with self._lock:
            if number not in self._loaded:
                text = self._snapshots.read(number)
                if text is None:
                    raise RulesError(f"the plan names rules {number}, which are not there")
                self._remember(grammar.decode(number, text))
            return self._loaded[number]

    def observe(self, news: News) -> None:
        """Learn from a block that was handed over."""
        if news.operations or news.suspects:
            with self._lock:
                for service, names in news.operations.items():
                    self._operations.setdefault(service, {}).update(dict.fromkeys(names))
                self._suspects |= news.suspects

    def _begin(self, now_us: int) -> Rules:
        """The newest rules, and as news what blocks brought after them before the last collector ended."""
        found = self._newest()
        for service, names in self._snapshots.operations_in_use(now_us).items():
            self._operations[service] = dict.fromkeys(sorted(names))
        return found

    def _keep_up(self, now_us: int) -> None:
        assert self._rules is not None
        now = self._monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._rules = self._newest()
        large: set[bytes] = set()
        if self._suspects:
            large |= self._snapshots.too_large(self._suspects, grammar.ROWS_PER_TRACE, now_us)
            self._suspects.clear()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_SECONDS
            large |= self._snapshots.too_large((), grammar.ROWS_PER_TRACE, now_us)
        large -= self._rules.closed.keys()
        used = None
        if _review_due(self._rules, now_us):
            used = self._snapshots.operations_in_use(now_us)
        for _ in range(_OFFERS):
            wanted = self._next(self._rules, used, large, now_us)
            if wanted == self._rules:
                break
            if self._offer(wanted, now_us) and large:
                self._snapshots.close_traces(large, now_us)
        self._operations.clear()
        # A rate is set once, at the start: another collector may be told another one later.
        self._share = None

    def _next(self, rules: Rules, used: Mapping[str, frozenset[str]] | None, large: set[bytes], now_us: int) -> Rules:
        """What ``rules`` become with the news; the same when there is none."""
        found = rules
        if used is not None and _review_due(rules, now_us):
            found = replace(found, operations=used, reviewed_us=now_us)
        found = replace(found, operations=_with(found.operations, self._operations))
        if not large <= found.closed.keys():
            found = replace(found, closed=_closed(found.closed, large, now_us))
        if self._share is not None and self._share != (found.rates[-1].share if found.rates else ALL):
            found = replace(found, rates=_with_rate(found.rates, Rate(now_us, self._share), now_us))
        return rules if found == rules else replace(found, number=rules.number + 1)

    def _offer(self, wanted: Rules, now_us: int) -> bool:
        text = grammar.encode(wanted)
        stored = self._snapshots.offer(wanted.number, text, now_us)
        won = stored == text
        self._rules = wanted if won else grammar.decode(wanted.number, stored)
        self._remember(self._rules)
        return won

    def _newest(self) -> Rules:
        found = self._snapshots.newest()
        if found is None:
            return self._loaded[0]
        if found[0] not in self._loaded:
            self._remember(grammar.decode(*found))
        return self._loaded[found[0]]

    def _remember(self, rules: Rules) -> None:
        self._loaded[rules.number] = rules
        while len(self._loaded) > _CACHED:
            del self._loaded[min(self._loaded.keys() - {0})]


def _review_due(rules: Rules, now_us: int) -> bool:
    return now_us - rules.reviewed_us > (REVIEW_US if rules.room else REVIEW_FULL_US)


def _with(known: Mapping[str, frozenset[str]], fresh: Mapping[str, Iterable[str]]) -> Mapping[str, frozenset[str]]:
    """``known`` and as many of ``fresh`` as find room."""
    room = Rules(operations=known).room
    found = dict(known)
    for service, names in fresh.items():
        have = found.get(service, frozenset())
        new = [name for name in names if name not in have and name != OTHER]
        new = new[: max(0, min(room, OPERATIONS_MAX - len(have)))]
        if new:
            found[service] = have | frozenset(new)
            room -= len(new)
    return found


def _closed(closed: Mapping[bytes, int], large: Iterable[bytes], now_us: int) -> Mapping[bytes, int]:
    """The closed traces with those of ``large``, without those that are long past, the newest at most."""
    found = {trace_id: at for trace_id, at in closed.items() if now_us - at < CLOSED_US}
    found |= {trace_id: now_us for trace_id in large if trace_id not in found}
    newest = sorted(found.items(), key=lambda item: (item[1], item[0]))[-CLOSED_MAX:]
    return dict(newest)


def _with_rate(rates: tuple[Rate, ...], rate: Rate, now_us: int) -> tuple[Rate, ...]:
    """``rates`` with one more, without those that no trace can fall under any more."""
    late = [place for place, old in enumerate(rates) if old.since_us < now_us - CLOSED_US]
    return (*rates[late[-1] if late else 0 :], rate)
