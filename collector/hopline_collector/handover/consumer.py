"""The hand-over: plan, build, insert, account, commit; the same for every source.

The protocol is ``docs/plan.md``. One thread runs :meth:`HandOver.step` again and
again; nothing in it waits for a store that is away, so polling goes on, the group
keeps us as a member, and a partition that is taken from us is let go in time.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent import futures
from dataclasses import replace
from functools import partial
from typing import Final

from hopline_collector.block.core import Block, Counts, Message, build_block
from hopline_collector.handover import opening, trial, window
from hopline_collector.handover import plan as plans
from hopline_collector.handover.ages import STEPS
from hopline_collector.handover.gathering import Gathering, HandOverSettings, Pace
from hopline_collector.handover.inserts import Inserts, at_once
from hopline_collector.handover.lanes import RETRY_FIRST, Lane
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import Mark, Plan, PlanError
from hopline_collector.handover.resume import Committed, Log
from hopline_collector.rules.rule_book import NoRules, RuleKeeper
from hopline_collector.rules.rules import News, RulesError
from hopline_collector.sources.source import Arrived, Assigned, PartitionKey, Position, Revoked, Source, SourceError
from hopline_collector.store.errors import StoreAwayError, StoreBusyError, StoreError, StoreRefusedError
from hopline_collector.store.writer import SpanWriter

__all__ = ["HandOver", "HandOverSettings"]

log = logging.getLogger(__name__)

INSERT_FAILURES: Final = 20
"""Failures of one insert, other than the store being away, after which a partition stops."""

_RETRY_MOST: Final = 5.0
_ENDS_SECONDS: Final = 2.0
_STUMBLE_SECONDS: Final = 1.0
_LAST_INSERT_SECONDS: Final = 3.0
"""How long a hand-over that ends waits for the insert under way."""


class _FencedError(Exception):
    """The partition is no longer ours: drop what was under way."""


class HandOver:
    """Moves what a source holds into a store, exactly once.

    ``clock`` gives microseconds since the epoch, ``monotonic`` seconds.
    ``observe`` is called with every ledger entry after its commit. ``inserts`` says where
    blocks are inserted; everything else happens on the thread that calls :meth:`step`.
    """

    def __init__(
        self,
        source: Source,
        writer: SpanWriter,
        settings: HandOverSettings | None = None,
        *,
        rules: RuleKeeper | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        monotonic: Callable[[], float] = time.monotonic,
        observe: Callable[[LedgerEntry], None] = lambda _: None,
        inserts: Inserts = at_once,
    ) -> None:
        self.source = source
        self.lanes: dict[PartitionKey, Lane] = {}
        self.ends: dict[PartitionKey, int] = {}
        """The end of each partition, as last seen: what is behind it is lag."""
        self.progress = 0
        """Rises with every block handed over."""
        self._writer = writer
        self._settings = settings or HandOverSettings()
        self._rules = rules or NoRules()
        self._clock = clock
        self._monotonic = monotonic
        self._observe = observe
        self._inserts = inserts
        self._gathering = Gathering(self._settings, monotonic)
        self._ends_at = 0.0
        self.polled_at = monotonic()
        """When polling last came back, on the monotonic clock."""
        self.trouble = ""
        """Why the last round did not succeed, empty when it did."""

    def run(self, stop: threading.Event) -> None:
        """Hand over until ``stop`` is set."""
        while not stop.is_set():
            try:
                self.step(self._patience())
                self.look_at_ends()
                self.trouble = ""
            except SourceError as error:
                self.trouble = f"the source did not answer: {error}"
                log.warning("%s", self.trouble)
                stop.wait(RETRY_FIRST)
            except Exception:
                # The broker's library raises errors of its own making now and then, when partitions move.
                log.exception("the hand-over stumbled")
                stop.wait(_STUMBLE_SECONDS)
        self._conclude()

    def _conclude(self) -> None:
        """Commit what is stored by now; what is not is stored again under its token by whoever comes next."""
        for lane in list(self.lanes.values()):
            if lane.storing is not None:
                futures.wait((lane.storing,), _LAST_INSERT_SECONDS)
                self._advance(lane)

    def behind_us(self) -> int | None:
        """How old the oldest message is that is not handed over: 0 when none waits, None while nothing is assigned."""
        lanes = list(self.lanes.values())
        if not lanes:
            return None
        return max(self._age_us(lane) for lane in lanes)

    def _age_us(self, lane: Lane) -> int:
        try:
            oldest = lane.messages[0]
        except IndexError:
            return 0
        waiting = int((self._monotonic() - lane.since) * 1_000_000)
        return max(self._clock() - oldest.sent_us, 0) if oldest.sent_us else waiting

    def step(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for messages, then move every partition on as far as it goes."""
        try:
            events = self.source.poll(timeout)
        finally:
            self.polled_at = self._monotonic()
        for event in events:
            match event:
                case Assigned():
                    self._assign(event)
                case Revoked(key):
                    self.lanes.pop(key, None)
                case Arrived(key, messages):
                    self._gather(key, messages)
        for lane in list(self.lanes.values()):
            lane.done_at["poll"] = self.polled_at
            self._advance(lane)
            self._press(lane)
            if lane.idle and not self.behind(lane):
                lane.done_at |= dict.fromkeys(STEPS[1:], self.polled_at)

    def look_at_ends(self) -> None:
        """Ask for the ends now and then: it is a call to the broker.

        Where nothing waits, reading may have gone on over offsets that hold no message.
        """
        if self._monotonic() < self._ends_at:
            return
        self._ends_at = self._monotonic() + _ENDS_SECONDS
        ends = self.source.ends()
        for lane in self.lanes.values():
            if lane.opened and lane.idle:
                lane.reached = max(lane.reached, self.source.position(lane.key))
        self.ends = ends

    def behind(self, lane: Lane) -> int:
        """How many offsets of the partition's log are not handed over, as far as its end is known."""
        return lane.behind(self.ends.get(lane.key, lane.reached))

    def _patience(self) -> float:
        """Seconds until a partition may want attention."""
        now = self._monotonic()
        wait = 0.5
        for lane in self.lanes.values():
            if lane.stopped:
                continue
            if lane.retry_at > now:
                wait = min(wait, lane.retry_at - now)
            elif lane.opened and lane.plan is None and lane.messages:
                wait = min(wait, self._gathering.seconds_left(lane, self._pace(lane)))
            elif lane.plan is not None or not lane.opened:
                wait = min(wait, 0.02)
        return max(wait, 0.0)

    def _assign(self, event: Assigned) -> None:
        found = event.position
        start = event.log_start if found is None else found.offset
        lane = Lane(event.key, event.epoch, start, reached=start, log=Log(event.log, event.log_start, event.log_end))
        lane.done_at = dict.fromkeys(STEPS, self._monotonic())
        self.lanes[event.key] = lane
        if found is None:
            return
        try:
            lane.committed = Committed(found.offset, plans.decode(found.offset, found.metadata))
        except PlanError as error:
            self._stop(lane, str(error))

    def _gather(self, key: PartitionKey, messages: list[Message]) -> None:
        lane = self.lanes.get(key)
        if lane is None:
            return
        messages = [message for message in messages if message.offset >= lane.reached]
        if not messages:
            return
        lane.reached = messages[-1].offset + 1
        if not lane.messages:
            lane.since = self._monotonic()
        lane.messages.extend(messages)
        lane.bytes += sum(len(message.body) for message in messages)

    def _advance(self, lane: Lane) -> None:
        """Everything that can be done for a partition now; failures set when to try again."""
        try:
            if not lane.stopped and self._monotonic() >= lane.retry_at and self._hand_over(lane):
                lane.away, lane.failures, lane.retry_after, lane.trouble = False, 0, RETRY_FIRST, ""
        except _FencedError:
            self.lanes.pop(lane.key, None)
        except (SourceError, StoreAwayError, StoreBusyError, RulesError) as error:
            lane.away = True
            self._retry_later(lane, error)
        except StoreRefusedError as error:
            self._narrow(lane, error)
        except StoreError as error:
            self._fail(lane, error)
        except Exception as error:
            log.exception("handing over %s failed", lane.key)
            self._fail(lane, error)

    def _hand_over(self, lane: Lane) -> bool:
        """One block, from wherever its plan stands; False when there is nothing to do yet."""
        if not lane.opened:
            self._open(lane)
        if lane.plan is None:
            if self._gathering.seconds_left(lane, self._pace(lane)) > 0.0:
                return False
            now = self._clock()
            plan = Plan(lane.start, self._gathering.cut(lane), now, self._rules.current(now), log=lane.log.id)
            self._commit(lane, plan)
            lane.done_at["plan"] = self._monotonic()
        assert lane.plan is not None
        if self.source.position(lane.key) < lane.plan.end:
            return False
        if lane.block is None:
            self._build(lane)
        return self._stored(lane, lane.plan)

    def _open(self, lane: Lane) -> None:
        """Begin where the three that tell how far it came say together; see :mod:`resume`."""
        self._fence(lane)
        found = opening.judge(self._writer, self.source.name, lane, self._settings.collector, self._clock())
        for gap in found.told:
            self._observe(gap)
        if found.position != lane.start:
            log.warning("%s: going on at %d, not at %d", lane.key, found.position, lane.start)
            self._begin_at(lane, found.position)
        if found.drops_plan:
            # Nobody may follow it any more.
            self._commit_end(lane, found.position, self._clock())
        lane.plan, lane.opened = found.plan, True

    def _begin_at(self, lane: Lane, offset: int) -> None:
        self._fence(lane)
        self.source.seek(lane.key, offset)
        lane.start, lane.reached = offset, offset
        lane.messages.clear()
        lane.bytes = 0

    def _build(self, lane: Lane) -> None:
        plan = lane.plan
        assert plan is not None
        rules = self._rules.load(plan.rules)
        if plan.tries >= plans.TRIES:
            messages = [m for m in lane.messages if m.offset < plan.end]
            plan, lane.failures = trial.isolated(plan, messages, lambda tried: self._commit(lane, tried)), 0
        plan = plan.begun()
        self._commit(lane, plan)
        block = build_block([m for m in lane.messages if m.offset < plan.end], plan, rules, self._settings.decoders)
        # Another partition's plan may come before this block is stored, and must know its operations.
        self._rules.observe(News(block.news.operations))
        if plan.phase == "decode":
            self._commit(lane, plan.inserting())
        lane.block = block

    def _stored(self, lane: Lane, plan: Plan) -> bool:
        """Have the block inserted; False while it is under way. Commits once it is in every table."""
        block = lane.block
        assert block is not None
        entry = self._entry(lane, plan, block.counts)
        if lane.storing is None:
            self._fence(lane)
            lane.storing_since = self._monotonic()
            lane.storing = self._inserts(partial(self._insert, block, entry, plan))
        if not lane.storing.done():
            return False
        storing, lane.storing = lane.storing, None
        storing.result()
        lane.done_at["insert"] = self._monotonic()
        self._fence(lane)
        self._commit_end(lane, plan.end, plan.now)
        self._finish(lane, plan)
        self._observe(entry)
        return True

    def _insert(self, block: Block, entry: LedgerEntry, plan: Plan) -> None:
        token = plan.token(entry.source, entry.topic, entry.partition)
        rest, suffix = window.unstored(self._writer, block, plan, self._clock())
        self._writer.write(rest, token + suffix)
        self._writer.account(entry, block, token)

    def _finish(self, lane: Lane, plan: Plan) -> None:
        block = lane.block
        assert block is not None
        self._rules.observe(block.news)
        while lane.messages and lane.messages[0].offset < plan.end:
            lane.bytes -= len(lane.messages.popleft().body)
        self._gathering.learn(block.counts)
        lane.start, lane.plan, lane.block = plan.end, None, None
        lane.since = lane.ended = lane.done_at["commit"] = self._monotonic()
        self.progress += 1

    def _entry(self, lane: Lane, plan: Plan, counts: Counts) -> LedgerEntry:
        """From where the lane stands: the log may have dropped the first messages of the plan."""
        return LedgerEntry(
            self.source.name,
            *lane.key,
            lane.start,
            plan.end,
            plan.now,
            counts,
            collector=self._settings.collector,
            log=lane.log.id,
        )

    def _commit(self, lane: Lane, plan: Plan) -> None:
        """Commit a plan at the offset where it begins; only then is it the lane's plan."""
        self._fence(lane)
        self.source.commit(lane.key, Position(plan.start, plans.encode(plan)))
        lane.plan = plan

    def _commit_end(self, lane: Lane, offset: int, now_us: int) -> None:
        """Commit that everything before ``offset`` is accounted for."""
        self._fence(lane)
        self.source.commit(lane.key, Position(offset, plans.encode_mark(Mark(lane.log.id, now_us))))

    def _fence(self, lane: Lane) -> None:
        """A broker takes commits of members that own the partition no longer, so we must not make them."""
        if self.source.epoch(lane.key) != lane.epoch:
            raise _FencedError(lane.key)

    def _pace(self, lane: Lane) -> Pace:
        active = sum(1 for other in self.lanes.values() if other.messages)
        return Pace(active, self.ends.get(lane.key, 0) > lane.reached)

    def _press(self, lane: Lane) -> None:
        """Stop reading a partition that holds its share of the buffer, until half of it is stored."""
        if lane.key not in self.lanes:
            return
        share = self._settings.buffer_bytes / len(self.lanes)
        # A plan of an earlier owner may be larger than our share: it must be read whole.
        short = lane.plan is not None and self.source.position(lane.key) < lane.plan.end
        if not lane.paused and not short and (lane.bytes >= share or lane.stopped):
            self.source.pause(lane.key)
            lane.paused = True
        elif lane.paused and not lane.stopped and (short or lane.bytes <= share / 2):
            self.source.resume(lane.key)
            lane.paused = False

    def _retry_later(self, lane: Lane, error: Exception) -> None:
        if lane.trouble != str(error):
            log.warning("%s: %s; trying again", lane.key, error)
        lane.trouble = str(error)
        lane.retry_at = self._monotonic() + lane.retry_after
        lane.retry_after = min(lane.retry_after * 2, _RETRY_MOST)

    def _narrow(self, lane: Lane, error: StoreRefusedError) -> None:
        """Nothing of the block was written: try half of it, under a token of its own.

        A refusal depends on the block alone, not on the store, so whoever tried this plan before was
        refused as well: no table has a part of it, and none can be doubled or lack what is dropped.
        """
        plan = lane.plan
        if plan is None or lane.block is None:
            self._fail(lane, error)
            return
        log.warning("%s: the store refused %d to %d: %s", lane.key, plan.start, plan.end, error)
        lane.block = None
        try:
            self._commit(lane, replace(plan, start=lane.start).narrowed())
        except _FencedError:
            self.lanes.pop(lane.key, None)
        except SourceError as failure:
            self._retry_later(lane, failure)

    def _fail(self, lane: Lane, error: Exception) -> None:
        lane.failures += 1
        if lane.failures >= INSERT_FAILURES:
            self._stop(lane, str(error))
        else:
            self._retry_later(lane, error)

    def _stop(self, lane: Lane, reason: str) -> None:
        log.error("%s stands still: %s", lane.key, reason)
        lane.stopped, lane.trouble = True, reason
