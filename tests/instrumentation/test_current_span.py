"""Which span is current, in whatever order spans end."""

import asyncio
import threading
from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

import hopline
from hopline.context import Active, current
from hopline.noop import NOOP
from hopline.testing import Recorder


def held(name):
    with hopline.span(name):
        yield 1
        yield 2


@hopline.trace
def decorated(name):
    yield 1
    with hopline.span(f"inside {name}"):
        pass
    yield 2


def test_generators_side_by_side(recorder):
    """I1: spans of generators that run side by side end in any order; none stays current."""
    with hopline.span("outer") as outer:
        for _ in zip(held("g1"), held("g2"), strict=True):
            pass
        assert hopline.current_span() is outer
        with hopline.span("after"):
            pass
    assert hopline.current_span() is NOOP
    assert recorder.one(name="after").parent_id == outer.id


def test_decorated_generators_leave_their_caller_alone(recorder):
    """I1: what a traced generator opens is current inside it only."""
    with hopline.span("outer") as outer:
        for _ in zip(decorated("g1"), decorated("g2"), strict=True):
            with hopline.span("body"):
                pass
    assert [row.parent_id for row in recorder.spans if row.name == "body"] == [outer.id] * 2


def test_abandoned_generator(recorder):
    """I1: a generator left half-way keeps its span open, but nothing belongs to it once its trace's entry has ended."""
    with hopline.span("outer"):
        kept = held("abandoned")
        next(kept)
    with hopline.span("first") as first:
        pass
    kept.close()
    with hopline.span("second") as second:
        pass
    assert [first.parent_id, second.parent_id] == [None, None]
    assert hopline.current_span() is NOOP


def test_closed_in_another_task(recorder):
    """I1: an asynchronous generator closed by another task takes nothing of that task's away."""

    async def numbers():
        with hopline.span("numbers"):
            for n in range(5):
                yield n

    async def main():
        source = numbers()

        async def read():
            async for _ in source:
                break

        with hopline.span("outer") as outer:
            await asyncio.create_task(read())
            await asyncio.create_task(source.aclose())
            assert hopline.current_span() is outer

    asyncio.run(main())


@given(st.permutations(range(4)), st.integers(0, 4))
def test_an_ended_span_is_never_current(order, opened_late):
    """I1: spans end in any order, others begin between: what is current is open, at last what was so before."""
    with Recorder(), hopline.span("request") as request:
        spans = [hopline.span(f"s{n}").__enter__() for n in range(4)]
        for position, n in enumerate(order):
            spans[n].__exit__(None, None, None)
            now = hopline.current_span()
            assert now.end_ns == 0
            if position == opened_late:
                with hopline.span("late"):
                    pass
                assert hopline.current_span() is now
        assert hopline.current_span() is request
    assert current.get() is None


def test_exit_stack_and_callbacks(recorder):
    """I1: a span that a callback closes, out of order, leaves the inner one current until that ends."""
    with hopline.span("request") as request, ExitStack() as stack:
        outer = stack.enter_context(hopline.span("outer"))
        inner = hopline.span("inner").__enter__()
        stack.close()
        assert outer.end_ns
        assert hopline.current_span() is inner
        inner.__exit__(None, None, None)
        assert hopline.current_span() is request


def test_a_task_goes_on_after_its_request(recorder):
    """I5, T15: what a task does after the span that it was made in has ended is still that span's."""

    async def late(gate):
        await gate.wait()
        with hopline.span("one"):
            pass
        with hopline.span("two"):
            pass

    async def main():
        gate = asyncio.Event()
        with hopline.span("request") as request:
            task = asyncio.create_task(late(gate))
            await asyncio.sleep(0)
        gate.set()
        await task
        return request

    request = asyncio.run(main())
    assert [recorder.one(name=name).parent_id for name in ("one", "two")] == [request.id] * 2


def test_detached(recorder):
    """I5: a thread that is started lazily below `hopline.detached()` belongs to nobody."""
    hopline.install("threads")
    try:
        with hopline.span("first user") as first:
            with hopline.detached():
                thread = threading.Thread(target=lambda: hopline.span("work").__enter__().__exit__(None, None, None))
                thread.start()
            assert hopline.current_span() is first
            thread.join()
    finally:
        hopline.uninstall("threads")
    work = recorder.one(name="work")
    assert (work.parent_id, work.span_id) == (None, "0")
    assert work.trace_id != first.trace_id


def test_root_spans(recorder):
    """M2: `root=True` begins a trace wherever it stands, and gives the current span back."""
    with hopline.span("outer") as outer:
        with hopline.span("job", root=True) as job, hopline.span("step"):
            pass
        assert hopline.current_span() is outer
    assert (job.span_id, job.parent_id) == ("0", None)
    assert recorder.one(name="step").trace_id == job.trace_id != outer.trace_id


def test_root_below_the_no_op_stays_untraced(recorder):
    """I10: our own sender's work is never traced."""
    with Active(NOOP), hopline.span("job", root=True) as job:
        assert not job.recording
