import logging
import os
import threading
from types import SimpleNamespace

import pytest

import hopline
from hopline import config as settings
from hopline import tracer as tracing
from hopline.counts import Counts
from hopline.errors import BatchRefused, TransportUnavailable
from hopline.report import Reporter
from hopline.rows import to_row
from hopline.transports.memory import MemoryTransport
from support import wait_until


class Stub(MemoryTransport):
    """A transport that fails as told; it keeps what it took."""

    def __init__(self, counts: Counts) -> None:
        super().__init__(counts)
        self.error: Exception | None = None
        self.reports: list[dict[str, object]] = []
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def send(self, batch):
        self.entered.set()
        self.gate.wait(120)
        if self.error is not None:
            raise self.error
        super().send(batch)
        if batch.report is not None:
            self.reports.append(batch.report)


@pytest.fixture
def traced():
    made = []

    def make(**overrides):
        config, problems = settings.load({"service": "shop", "endpoint": "memory:", **overrides}, {})
        assert not problems
        counts = Counts()
        transport = Stub(counts)
        tracer = tracing.Tracer(config, Reporter(config, transport, counts))
        made.append((tracer, tracing.activate(tracer)))
        return transport, tracer.reporter

    yield make
    for tracer, before in reversed(made):
        tracer.reporter.transport.gate.set()
        tracer.reporter.close(5)
        tracing.activate(before)


def record(count: int = 1, name: str = "row") -> None:
    for n in range(count):
        with hopline.span(f"{name} {n}"):
            pass


def test_counters_balance(traced):
    """S5: recorded = sent + dropped + depth."""
    transport, reporter = traced()
    record(250)
    assert reporter.flush(60)
    assert reporter.counters() == {"recorded": 250, "sent": 250, "dropped": {}, "depth": 0, "events": {}}
    assert len(transport.rows) == 250


def test_full_queue_drops_the_oldest_and_counts_exactly(traced):
    """S7, I10: while nothing can be sent, memory is bounded, the oldest is dropped and counted exactly."""
    transport, reporter = traced(buffer_rows=100, batch_ms=1)
    transport.gate.clear()
    record(1, "stuck")
    assert transport.entered.wait(60)
    record(1_000)
    during = reporter.counters()
    assert (during["recorded"], during["dropped"], during["depth"]) == (1_001, {"queue_full": 900}, 101)
    transport.gate.set()
    assert reporter.flush(60)
    after = reporter.counters()
    assert (after["sent"], after["dropped"], after["depth"]) == (101, {"queue_full": 900}, 0)
    assert [row.name for row in transport.rows] == ["stuck 0", *(f"row {n}" for n in range(900, 1_000))]


def test_leaving_a_slow_far_side_behind_with_nothing_lost_says_nothing(traced):
    """S5, I10: a report that nobody takes at the exit is no loss of spans, so there is no message about it."""
    transport, reporter = traced(batch_ms=1)
    warnings: list[str] = []
    reporter.process.warner = SimpleNamespace(warn=lambda _kind, text: warnings.append(text))
    transport.gate.clear()
    record()
    assert transport.entered.wait(60)
    reporter.counts.add("sent")  # as a transport does that has its answer and not yet come back
    reporter.close(5, 0.01)
    assert warnings == []
    reporter.counts.add("sent", -1)


def test_far_side_away_from_the_start_and_back(traced):
    """S7: rows wait while the far side is away, and go out by themselves when it is back; one warning is logged."""
    transport, reporter = traced(batch_ms=1)
    warnings: list[str] = []
    reporter.process.warner = SimpleNamespace(warn=lambda _kind, text: warnings.append(text))
    transport.error = TransportUnavailable("away")
    record(10)
    wait_until(lambda: reporter.counters()["events"].get("send_failures", 0) >= 2)
    assert reporter.counters()["depth"] == 10
    assert len(warnings) == 1
    transport.error = None
    wait_until(lambda: reporter.counters()["sent"] == 10)
    assert reporter.counters()["dropped"] == {}


def test_one_warning_a_minute(traced, caplog, monkeypatch):
    """I10: many failures, one rate-limited warning."""
    monkeypatch.setattr(logging.getLogger("hopline"), "disabled", False)  # frameworks of other tests set it
    transport, reporter = traced(batch_ms=1)
    transport.error = RuntimeError("bug")
    for _ in range(20):
        record(1)
        reporter.flush(60)
    assert reporter.counters()["dropped"] == {"transport_error": 20}
    assert len([entry for entry in caplog.records if entry.name == "hopline"]) == 1


def test_refused_batches_are_lost_and_counted(traced):
    """S5: a batch that is refused counts as dropped."""
    transport, reporter = traced()
    transport.error = BatchRefused("no")
    record(3)
    assert not reporter.flush(60)
    assert reporter.counters()["dropped"] == {"refused": 3}


def test_open_rows_go_out_as_copies(traced):
    """T10: a row open for longer than open_rows_s goes out once with duration null, and whole when it ends."""
    now = [10**18]
    transport, reporter = traced(batch_ms=1, clock=lambda: now[0])
    with hopline.span("long") as row:
        row.tag("stage", "one")
        reporter.flush(60)
        assert list(transport.rows) == []
        now[0] += 31 * 10**9
        copy = wait_until(lambda: list(transport.rows))[0]
        assert (copy.duration_us, copy.tags, copy.id) == (None, {"stage": "one"}, row.id)
        row.tag("stage", "two")
        reporter.flush(60)
        assert len(transport.rows) == 1
    reporter.flush(60)
    whole = transport.rows[-1]
    assert (len(transport.rows), whole.duration_us, whole.tags) == (2, 31_000_000, {"stage": "two"})
    assert reporter.counters()["sent"] == 1


def test_close_sends_open_rows_as_copies(traced):
    """S5: at exit what is still open goes out as unfinished copies."""
    transport, reporter = traced()
    with hopline.span("open"):
        record(2)
        reporter.close(5)
    assert sorted((row.name, row.duration_us is None) for row in transport.rows) == [
        ("open", True),
        ("row 0", False),
        ("row 1", False),
    ]


def test_sources_that_keep_rows_back_are_asked_before_closing(traced):
    """S5: what a bridge still holds at exit is asked for first; its failure changes nothing."""
    transport, reporter = traced()
    reporter.before_close += [lambda timeout: record(1, f"held {timeout}"), lambda _timeout: 1 / 0]
    reporter.close(3)
    assert [row.name for row in transport.rows] == ["held 3 0"]
    assert reporter.counters()["events"] == {"sender_errors": 1}


def test_flush_means_its_timeout(traced):
    """S5: flush gives up after its timeout."""
    transport, reporter = traced(batch_ms=1)
    transport.gate.clear()
    record(1)
    assert transport.entered.wait(60)
    assert reporter.flush(0.05) is False


def test_reports_are_shipped(traced):
    """S5: the counters travel as a small report."""
    transport, reporter = traced(report_s=0.0)
    record(3)
    reporter.flush(60)
    wait_until(lambda: transport.reports and transport.reports[-1]["sent"] == 3)
    assert set(transport.reports[-1]) == {"at_us", "recorded", "sent", "dropped", "depth"}


def test_a_row_that_cannot_be_read_is_lost_alone(traced):
    """I10: an error in our own code loses that row only, counted."""
    transport, reporter = traced()
    with hopline.span("bad") as bad:
        bad.tags = None  # type: ignore[assignment]
    record(1, "good")
    assert not reporter.flush(60)
    assert [row.name for row in transport.rows] == ["good 0"]
    assert reporter.counters()["dropped"] == {"encode": 1}


def test_a_span_that_ends_while_it_is_looked_at_is_not_lost():
    """S1: the sender looks at each span once, so that one that ends meanwhile stays in hand."""
    from hopline.report import partition

    class Ending:
        looks = 0

        @property
        def end_ns(self) -> int:
            self.looks += 1
            return self.looks - 1

    spans = [Ending(), Ending()]
    ended, still_open = partition(spans)
    assert (ended, still_open) == ([], spans)
    assert partition(spans) == (spans, [])


def test_ended_rows_behind_many_open_ones_are_sent(traced):
    """S5: flush sends what has ended, however many open rows began before it."""
    transport, reporter = traced()
    spans = [hopline.span(f"open {n}") for n in range(2_500)]
    for span in spans:
        span.begin()
    record(3)
    assert reporter.flush(60)
    assert len(transport.rows) == 3
    for span in spans:
        span.finish()
    assert reporter.flush(60)
    assert len(transport.rows) == 2_503


def in_child(work) -> str:
    """What ``work`` returns in a forked child, as text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writer, str(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    return text


def test_forked_child_has_its_own_buffer_thread_and_instance(traced):
    """S4: after a fork the child sends its own rows only, under its own instance; the parent loses nothing."""
    transport, reporter = traced()
    with hopline.span("parent"):
        record(5)

        def work() -> object:
            with hopline.span("child"):
                pass
            reporter.flush(60)
            rows = [(row.name, row.instance == f"{row.host}:{os.getpid()}") for row in transport.rows]
            return rows, reporter.counters()["recorded"], threading.active_count()

        text = in_child(work)
    assert text == "([('child', True)], 1, 2)"
    reporter.flush(60)
    assert len(transport.rows) == 6


def test_fork_waits_for_the_lock_of_what_is_made_once(traced):
    """S4: a child never begins with a lock of ours that a thread of its parent holds."""
    from hopline.locks import creation_lock

    traced()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with creation_lock:
            held.set()
            release.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    threading.Timer(0.05, release.set).start()

    def work() -> str:
        with hopline.span("root"), hopline.span("child") as child:
            return child.span_id

    assert in_child(work) == "0.1"
    holder.join()


def test_ids_do_not_repeat_in_forked_children():
    """M9: 1,000,000 ids from 8 forked processes: no repeat."""
    from hopline.ids import random_bits

    readers = []
    for _ in range(8):
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reader)
            with os.fdopen(writer, "wb") as out:
                out.write(b"".join(random_bits(64).to_bytes(8, "big") for _ in range(125_000)))
            os._exit(0)
        os.close(writer)
        readers.append((pid, reader))
    ids: set[bytes] = set()
    for pid, reader in readers:
        with os.fdopen(reader, "rb") as answer:
            data = answer.read()
        os.waitpid(pid, 0)
        ids.update(data[i : i + 8] for i in range(0, len(data), 8))
    assert len(ids) == 1_000_000


def test_row_round_trip_of_a_snapshot(traced):
    """T10: the unfinished copy holds what the open row held."""
    from hopline.report import snapshot

    _, reporter = traced()
    with hopline.span("outer"), hopline.span("row", kind="client", peer="stock", tags={"a": 1}) as row:
        row.annotate("note", "x")
        row.attr("url.full", "http://stock/")
        hopline.set_uid("u1")
        copied, original = (to_row(span, reporter.process.facts) for span in (snapshot(row), row))
    assert copied == original
