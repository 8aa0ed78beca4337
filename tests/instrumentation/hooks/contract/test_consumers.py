"""What every hook of a library does that hands over messages, each tried with its real library and broker."""

from collections.abc import Callable, Iterator

import pytest

import hopline
from hopline.context import Active
from hopline.noop import NOOP
from hopline.testing import Recorder
from support.contract import consumers
from support.contract.consumer import Boom, Exchange

SUBJECTS = consumers.SUBJECTS


@pytest.fixture
def env(request) -> Callable[[str], object]:
    return request.getfixturevalue


@pytest.fixture
def exchange(subject, install, env) -> Iterator[Exchange]:
    install(*subject.hooks)
    with Recorder(service="setup"):  # what the library does once, on its first message
        exchange = subject.use(env)
        exchange.send()
        exchange.process(lambda: None)
    yield exchange
    with Recorder(service="end"):
        exchange.close()


def handle() -> None:
    with hopline.span("inside"):
        pass


def fail() -> None:
    raise Boom


def handled(recorder: Recorder) -> list:
    return [row for row in recorder.spans if row.kind == "consumer"]


def test_one_row_a_message_below_its_senders(exchange):
    """I4, M5: a message is a producer row, and a consumer row with the same path around what handles it."""
    with Recorder(service="shop") as recorder:
        with hopline.span("work") as work:
            hopline.put("uid", "u-1")
            exchange.send()
        exchange.process(handle)
        producer, consumer = recorder.one(kind="producer"), recorder.one(kind="consumer")
        inside = recorder.one(name="inside")
    assert (producer.parent_id, producer.span_id, consumer.parent_id) == (work.id, "0.1", producer.id)
    assert (consumer.trace_id, consumer.span_id, consumer.uid) == (work.trace_id, "0.1", "u-1")
    assert (inside.parent_id, inside.span_id) == (consumer.id, "0.1.1")
    assert {(row.peer, row.peer_kind) for row in (producer, consumer)} == {(exchange.destination, "mq")}
    assert not producer.error
    assert not consumer.error


def test_a_handler_that_raises_fails_the_row(exchange):
    """I4: what the handling of a message raises stands in its row."""
    with Recorder() as recorder:
        exchange.send()
        exchange.process(fail)
        [row] = handled(recorder)
    assert (row.error, row.error_type) == (True, "Boom")


def test_messages_without_context_begin_a_trace(exchange):
    """P3: a message of somebody who does not know us begins a trace."""
    with Recorder() as recorder:
        with Active(NOOP):
            exchange.send()
        exchange.process(handle)
        [row] = handled(recorder)
    assert (row.parent_id, row.span_id) == (None, "0")


def test_the_next_message_belongs_to_its_own_trace(exchange):
    """I4: the row of a message is not current when the next one is handled."""
    with Recorder() as recorder:
        for name in ("first", "second"):
            with hopline.span(name):
                exchange.send()
        exchange.process(handle)
        exchange.process(handle)
        rows = handled(recorder)
        roots = {row.trace_id for row in recorder.spans if row.name in {"first", "second"}}
    assert {row.trace_id for row in rows} == roots
    assert len(roots) == 2


def test_unsampled_traces_make_no_row(exchange):
    """I7: nothing is recorded on either side, and the handler sees the trace's id."""
    seen = []
    with Recorder(sample=0) as recorder:
        with hopline.span("work") as work:
            exchange.send()
        exchange.process(lambda: seen.append(hopline.current_span().trace_id))
        assert recorder.spans == []
    assert seen == [work.trace_id]


def test_disabled_changes_nothing(exchange):
    """I10: the kill switch: no row, and the message is handled."""
    done = []
    with Recorder() as recorder:
        hopline.disable()
        exchange.send()
        exchange.process(lambda: done.append(1))
        assert recorder.spans == []
    assert done == [1]


def test_our_failures_are_not_the_applications(exchange, monkeypatch):
    """I10: whatever of ours fails, messages come through, and a counter rises."""
    done = []
    with Recorder() as recorder:
        for place in ("hopline.spans.Span.begin", "hopline.spans.Span.finish", "hopline.tracer.Tracer.receive"):
            with monkeypatch.context() as patch:
                patch.setattr(place, lambda *_, **__: 1 // 0)
                with hopline.detached():
                    exchange.send()
                    exchange.process(lambda: done.append(1))
        events = recorder.counters()["events"]
    assert len(done) == 3
    assert events.get("hook_errors", 0) + events.get("client_errors", 0) > 0


def test_leaves_the_current_span_alone(exchange):
    """I5: after a message, handled or failed, the span before it is current."""
    with Recorder(), hopline.span("work") as work:
        for act in (handle, fail):
            exchange.send()
            exchange.process(act)
            assert hopline.current_span() is work


def test_uninstall_makes_no_more_rows(subject, exchange):
    """I4: what is in place when a hook is taken out goes on without it."""
    hopline.uninstall(*subject.hooks)
    done = []
    with Recorder() as recorder, Active(None):
        exchange.send()
        exchange.process(lambda: done.append(1))
        assert recorder.spans == []
    assert done == [1]
