"""The reporter: a bounded buffer of begun spans and the one thread that sends them.

A span enters the buffer when it begins: one append on the caller, no lock, no
wake-up. The sender looks every ``batch_ms``, sends what has ended and keeps the
open ones at hand, which is how rows that stay open get known without a registry.

Between the counters holds, once nothing is in motion:
``recorded = sent + sum(dropped) + depth``.
"""

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic, time_ns
from typing import Final

from hopline.config import Config
from hopline.context import current
from hopline.counts import Counts, logger
from hopline.errors import BatchRefused, TransportUnavailable
from hopline.limits import Limits
from hopline.noop import NOOP
from hopline.process import Process
from hopline.process_end import before_exit, begin_ending
from hopline.setting_readers import bare_endpoint
from hopline.signals import signals_left_to_others
from hopline.spans import Span
from hopline.termination import before_end
from hopline.transports.base import Batch, Report, Transport

SLICE: Final = 1_000
"""Most spans handed to the transport at once."""

_BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_FLUSH_POLL_S: Final = 0.05
_JOIN_S: Final = 0.02
_CLOSE_GRACE_S: Final = 1.0
"""What the sender thread may take beyond the timeout to let go of its transport."""


class Reporter:
    """Buffer, sender thread and counters of one process."""

    def __init__(self, config: Config, transport: Transport, counts: Counts) -> None:
        self.config = config
        self.transport = transport
        self.counts = counts
        self._limits = Limits(config, counts)
        self.buffer: deque[Span] = deque()
        self.capacity = config.buffer_rows
        self.process = Process(config, counts, self.buffer.append, self.make_room)
        self.before_close: list[Callable[[float], object]] = []
        """Called with the timeout when this closes: sources of rows that keep some back, such as OpenTelemetry's."""
        self._taken = 0
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self.thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._popping = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._flushes: list[threading.Event] = []
        self._open: list[Span] = []
        self._open_sent: list[Span] = []
        self._held: Batch | None = None
        self._failures = 0
        self._reached = False
        self._retry_at = 0.0
        self._report_at = 0.0
        self._deadline = 0.0

    def make_room(self) -> None:
        """:meth:`admit` where there is need of it."""
        if self.thread is None or len(self.buffer) >= self.capacity:
            self.admit()

    def admit(self) -> None:
        """Make room for more rows: the sender thread runs, and the oldest rows beyond the bound are dropped.

        Called when an entry begins, when a row gets its first child, and at each
        1,024th child, so the bound is passed by 1,023 rows a thread at most.
        """
        if self.thread is None:
            self._start()
        with self._popping:
            excess = len(self.buffer) - self.capacity + 1
            for _ in range(excess):
                self.buffer.popleft()
        self.counts.add("dropped.queue_full", max(0, excess))

    def _start(self) -> None:
        with self._starting:
            if self.thread is None and not self._stopping:
                # Connecting encodes the host's name by this codec, and an outage is logged. If the sender thread were
                # the first to import them, a process forked meanwhile would inherit half a module and await its lock.
                import encodings.idna  # noqa: F401
                import logging  # noqa: F401

                thread = threading.Thread(target=self._run, name="hopline-sender", daemon=True)
                with signals_left_to_others():
                    thread.start()
                self.thread = thread
                self.drain_at_exit()
                before_end(self._at_exit)

    def drain_at_exit(self) -> None:
        """Close before every exit function registered so far: a Kafka producer, made late, has its own."""
        atexit.unregister(self._at_exit)
        atexit.register(self._at_exit)

    def _at_exit(self) -> None:
        begin_ending()  # a signal that interrupts this must not do it again, inside the locks that this holds
        self.close(self.config.exit_timeout_s, self.config.exit_away_s)

    def take_over(self, old: "Reporter") -> None:
        """Go on with what a closed reporter has left: rows still open, and the buffer that their children enter."""
        self.buffer = old.buffer
        self.process.append = self.buffer.append
        old.process.admit = self.make_room
        before_end(self._at_exit)
        self._open = old.open_rows()
        self._taken = len(self._open)

    def open_rows(self) -> list[Span]:
        """Rows that had not ended when the sender last looked."""
        return self._open + self._open_sent

    def after_fork(self) -> None:
        """Begin anew in a forked child: the parent sends what it had recorded."""
        self.buffer.clear()
        self._taken = 0
        self._reset()
        self.counts.after_fork()
        self.transport.after_fork()
        self.process.name_itself()
        before_exit(self._at_exit)

    def counters(self) -> dict[str, object]:
        """Recorded, sent, dropped by reason, depth, and the rarer events."""
        events = self.counts.snapshot()
        sent = events.pop("sent", 0)
        dropped = {name[8:]: events.pop(name) for name in list(events) if name.startswith("dropped.")}
        recorded = self._taken + dropped.get("queue_full", 0) + len(self.buffer)
        depth = max(0, recorded - sent - sum(dropped.values()))
        return {"recorded": recorded, "sent": sent, "dropped": dropped, "depth": depth, "events": events}

    def report(self) -> Report:
        """The counters as they travel (docs/wire.md)."""
        found = self.counters()
        del found["events"]
        return {"at_us": time_ns() // 1000, **found}

    def flush(self, timeout: float) -> bool:
        """Send what has ended; wait up to ``timeout`` seconds. Whether all of it was taken."""
        if self._stopping or (self.thread is None and not self.buffer):
            return not self.buffer
        if self._pid != os.getpid():
            self.after_fork()  # forked by something that runs no hooks
        if self.thread is None:
            self._start()
        lost = self._lost()
        done = threading.Event()
        self._flushes.append(done)
        self._wake.set()
        return done.wait(timeout) and self._lost() == lost

    def _lost(self) -> int:
        """Rows that will never be taken; those that are meant to go nowhere are no loss."""
        counts = self.counts.snapshot()
        return sum(n for name, n in counts.items() if name.startswith("dropped.") and name != "dropped.discarded")

    def close(self, timeout: float, patience: float | None = None) -> None:
        """Send the rest, open rows as unfinished copies, for up to ``timeout`` seconds; then stop.

        A far side that takes nothing is waited for ``patience`` seconds at most, if that is given.
        """
        for drain in self.before_close:
            try:
                drain(timeout)
            except Exception:
                self.counts.add("sender_errors")
        atexit.unregister(self._at_exit)
        if self.thread is None and self.buffer:
            self._start()  # a forked child whose rows are all below what its parent had begun
        self._deadline = monotonic() + timeout
        self._stopping = True
        thread = self.thread
        if thread is not None and thread.is_alive() and self._pid == os.getpid():
            self._wake.set()
            self._await(thread, timeout, timeout if patience is None else min(timeout, patience))
        elif thread is None:
            self.transport.close(timeout)

    def _await(self, thread: threading.Thread, timeout: float, patience: float) -> None:
        """Wait for the sender's end; one that hangs in its transport is left behind."""
        began = monotonic()
        while thread.is_alive():
            thread.join(_JOIN_S)
            took = monotonic() - began
            if took > timeout + _CLOSE_GRACE_S or (took > patience and not self._reached and patience < timeout):
                self._deadline = 0.0
                lost = self.counters()["depth"]
                if lost:
                    endpoint = bare_endpoint(self.config.endpoint)
                    self.process.warner.warn("outage", f"{lost} spans could not be sent to {endpoint} before the end")
                return

    def _run(self) -> None:
        current.set(NOOP)  # what the transport does is not to be traced
        while not self._stopping:
            self._wake.wait(self.config.batch_ms / 1000)
            self._wake.clear()
            self.process.anchor()
            try:
                self._step()
            except Exception as error:
                self.counts.add("sender_errors")
                self.process.warner.warn("sender", f"sending failed: {type(error).__name__}: {error}")
                logger().debug("sending failed", exc_info=True)
        self._finish()

    def _step(self) -> None:
        flushes, self._flushes = self._flushes, []
        clean = self._send_ended()
        if flushes:
            if clean and self.transport.flush(_FLUSH_POLL_S):
                for done in flushes:
                    done.set()
            else:
                self._flushes += flushes

    def _finish(self) -> None:
        """Last words: what has ended, then copies of what is open."""
        while not self._send_ended() and monotonic() < self._deadline:
            self._wake.wait(_FLUSH_POLL_S)
        copies = [self._copy(span) for span in self.open_rows() if not span.end_ns]
        self._hand_over(Batch(self.process.facts, copies, 0, self.report()))
        self.transport.flush(max(0.0, self._deadline - monotonic()))
        self.transport.close(max(0.0, self._deadline - monotonic()))
        for done in self._flushes:
            done.set()

    def _send_ended(self) -> bool:
        """Send all that has ended; false when the transport would not take it."""
        if self._held is not None:
            if monotonic() < self._retry_at and not self._stopping:
                return False
            batch, self._held = self._held, None
            if not self._hand_over(batch):
                return False
        while ended := self._take():
            spans = self._within_limits(ended)
            if not self._hand_over(Batch(self.process.facts, spans, len(spans), self._due_report())):
                return False
        copies = self._overdue()
        report = None if copies else self._due_report()
        if copies or report:
            return self._hand_over(Batch(self.process.facts, copies, 0, report))
        return True

    def _within_limits(self, ended: list[Span]) -> list[Span]:
        """``ended`` ready to be sent; an error that meets them all loses them, counted."""
        try:
            return self._limits.apply_all(ended)
        except Exception as error:
            self.counts.add("dropped.encode", len(ended))
            self.process.warner.warn("encode", f"{len(ended)} spans were lost: {type(error).__name__}: {error}")
            return []

    def _take(self) -> list[Span]:
        """About :data:`SLICE` ended spans, in the order in which they began; empty when there are no more."""
        ended, self._open = partition(self._open)
        also_ended, self._open_sent = partition(self._open_sent)
        ended += also_ended
        popleft = self.buffer.popleft
        while len(ended) < SLICE:
            with self._popping:
                begun = [popleft() for _ in range(min(len(self.buffer), SLICE))]
            if not begun:
                break
            self._taken += len(begun)
            some, still_open = partition(begun)
            ended += some
            self._open += still_open
        self._shed_open()
        return ended

    def _shed_open(self) -> None:
        """Rows that never end must not pile up."""
        for waiting in (self._open_sent, self._open):
            excess = len(self._open) + len(self._open_sent) - self.config.buffer_rows
            if excess > 0 and waiting:
                self.counts.add("dropped.unfinished", min(excess, len(waiting)))
                del waiting[:excess]

    def _overdue(self) -> list[Span]:
        """Copies of rows that have been open for too long, each row once."""
        if not self._open:
            return []
        limit = self.config.open_rows_s * 1e9
        late = [span for span in self._open if span.entry.clock() - span.start_ns >= limit]
        if late:
            chosen = set(map(id, late))
            self._open = [span for span in self._open if id(span) not in chosen]
            self._open_sent += late
        return [self._copy(span) for span in late]

    def _copy(self, span: Span) -> Span:
        copy = snapshot(span)
        self._limits.apply(copy)
        return copy

    def _due_report(self) -> Report | None:
        now = monotonic()
        if now < self._report_at or not self._taken:
            return None
        self._report_at = now + self.config.report_s
        return self.report()

    def _hand_over(self, batch: Batch) -> bool:
        if not batch.spans and batch.report is None:
            return True
        try:
            self.transport.send(batch)
        except TransportUnavailable as error:
            self._held = batch
            self._reached = False
            if not self._failures:  # once for each outage, however long
                endpoint = bare_endpoint(self.config.endpoint)
                self.process.warner.warn("outage", f"spans cannot be sent to {endpoint}: {error}")
            self._retry_at = monotonic() + _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
            self._failures += 1
            self.counts.add("send_failures")
            return False
        except BatchRefused as error:
            self.counts.add("dropped.refused", batch.counted)
            self.process.warner.warn("refused", f"{len(batch.spans)} spans were refused: {error}")
        except Exception as error:
            self.counts.add("dropped.transport_error", batch.counted)
            self.process.warner.warn("lost", f"{len(batch.spans)} spans were lost: {type(error).__name__}: {error}")
        self._failures = 0
        self._reached = True
        if not self._stopping:
            self.drain_at_exit()
        return True


def partition(spans: list[Span]) -> tuple[list[Span], list[Span]]:
    """Ended and open spans. Each is looked at once: it may end at any moment, and must be in one of the two."""
    still_open = [span for span in spans if not span.end_ns]
    if not still_open:
        return spans, []
    seen_open = set(map(id, still_open))
    return [span for span in spans if id(span) not in seen_open], still_open


def snapshot(span: Span) -> Span:
    """Unfinished copy of a span that the application is still writing to."""
    copy = Span(span.entry, span.parent, span.ordinal, span.id_int, span.name, span.kind, {**span.tags})
    copy.start_ns, copy.uid, copy.path, copy.numbers = span.start_ns, span.uid, span.span_id, span.numbers
    if span.rare is not None:
        old, new = span.rare, copy.detail
        new.annotations, new.attrs, new.links = list(old.annotations), dict(old.attrs), list(old.links)
        new.attempt, new.peer, new.peer_kind = old.attempt, old.peer, old.peer_kind
    return copy
