"""OpenTelemetry's spans and ours in one process, each the other's parent."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import hopline
from hopline.context import Active, current
from hopline.noop import NOOP
from hopline.otel_context import SharedContext
from hopline.testing import Recorder


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As ``OTEL_PYTHON_CONTEXT=hopline`` has it from the start of a process."""
    monkeypatch.setattr(context, "_RUNTIME_CONTEXT", SharedContext())
    yield
    assert current.get() is None
    assert trace.get_current_span() is trace.INVALID_SPAN


def paths(recorder: Recorder) -> dict[str, str]:
    return {row.name: row.span_id for row in recorder.spans}


def test_ours_inside_theirs(tracer: Tracer, recorder: Recorder) -> None:
    """I11: our span inside theirs is its next child, in the same trace; so is their next one."""
    with tracer.start_as_current_span("server", kind=SpanKind.SERVER) as server:
        with hopline.span("ours"), hopline.span("deeper"):
            pass
        with tracer.start_as_current_span("theirs"):
            pass
    assert paths(recorder) == {"server": "0", "ours": "0.1", "deeper": "0.1.1", "theirs": "0.2"}
    row = recorder.one(name="ours")
    assert row.parent_id == f"{server.get_span_context().span_id:016x}"
    assert row.trace_id == f"{server.get_span_context().trace_id:032x}"
    assert recorder.one(name="server").children == 2


def test_theirs_inside_ours(tracer: Tracer, recorder: Recorder) -> None:
    """I11: their span inside ours is its next child, in the same trace; so is our next one."""
    with hopline.span("ours") as ours:
        with tracer.start_as_current_span("theirs"), hopline.span("again"), tracer.start_as_current_span("last"):
            pass
        with hopline.span("sibling"):
            pass
    assert paths(recorder) == {
        "ours": "0", "theirs": "0.1", "again": "0.1.1", "last": "0.1.1.1", "sibling": "0.2",
    }  # fmt: skip
    assert recorder.one(name="theirs").parent_id == ours.id
    assert len({row.trace_id for row in recorder.spans}) == 1


def test_what_is_noted_on_their_span(tracer: Tracer, recorder: Recorder) -> None:
    """M11: tags, notes and the uid set through us inside their span are on its row, and on later calls."""
    with tracer.start_as_current_span("server", kind=SpanKind.SERVER) as server:
        hopline.tag("tier", "gold")
        hopline.annotate("cache", "miss")
        hopline.set_uid("u-1")
        server.set_attribute("own", "1")
        with hopline.span("ours"):
            pass
    row = recorder.one(name="server")
    assert (row.tags["tier"], row.tags["own"], row.uid) == ("gold", "1", "u-1")
    assert [key for _, key, _ in row.annotations] == ["cache"]
    assert recorder.one(name="ours").uid == "u-1"


def test_headers_are_the_same_either_way(tracer: Tracer) -> None:
    """P1: their propagator and our inject write one context, whoever's span is current."""

    def assert_equal() -> None:
        theirs: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(theirs)
        ours = hopline.inject({})
        assert ours["tracestate"] == theirs["tracestate"]
        assert ours["traceparent"].rpartition("-")[0] == theirs["traceparent"].rpartition("-")[0]

    with hopline.span("GET", kind="client"):
        assert_equal()
    with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT):
        assert_equal()


def test_their_baggage_is_ours(tracer: Tracer) -> None:
    """P4: what came in as their baggage is read through us; put_once of the direct caller only."""
    found = {"tenant": "t1", "hop1.00f067aa0ba902b7.once": "o1", "hop1.1111111111111111.old": "x"}
    incoming = Context()
    for key, value in found.items():
        incoming = baggage.set_baggage(key, value, incoming)
    parent = trace.SpanContext(7, 0x00F067AA0BA902B7, is_remote=True, trace_flags=trace.TraceFlags(1))
    incoming = trace.set_span_in_context(trace.NonRecordingSpan(parent), incoming)
    with tracer.start_as_current_span("in", context=incoming, kind=SpanKind.SERVER):
        assert (hopline.get("tenant"), hopline.get("once"), hopline.get("old")) == ("t1", "o1", None)


def test_our_baggage_is_not_theirs() -> None:
    """P5: their propagator sends to every host, so what was put through us stays with our own calls."""
    with hopline.span("ours"):
        hopline.put("tenant", "t1")
        assert baggage.get_all() == {}


def test_unsampled_theirs(provide: Callable[..., Tracer], recorder: Recorder) -> None:
    """I7: inside their unsampled span ours record nothing, and carry its ids on."""
    tracer = provide(ParentBased(ALWAYS_OFF))
    with tracer.start_as_current_span("server") as server, hopline.span("ours"):
        sent = hopline.inject({})
        number = server.get_span_context()
        assert sent["traceparent"] == f"00-{number.trace_id:032x}-{number.span_id:016x}-00"
    assert recorder.spans == []


def test_unsampled_ours(provide: Callable[..., Tracer]) -> None:
    """I7: inside our unsampled span theirs record nothing, and stay in its trace."""
    with Recorder(sample=0.0) as recorder:
        tracer = provide()
        with hopline.span("ours") as ours, tracer.start_as_current_span("theirs") as theirs:
            assert f"{theirs.get_span_context().trace_id:032x}" == ours.trace_id
            assert not theirs.is_recording()
        assert recorder.spans == []


def test_tasks_and_threads(tracer: Tracer, recorder: Recorder) -> None:
    """I5: both kinds keep their places in tasks and threads; numbers repeat nowhere."""

    async def one(n: int) -> None:
        with tracer.start_as_current_span(f"t{n}"):
            await asyncio.sleep(0)
            with hopline.span(f"t{n}.o"):
                await asyncio.sleep(0)

    async def many() -> None:
        await asyncio.gather(*(one(n) for n in range(50)))

    with hopline.span("root"):
        asyncio.run(many())
        with ThreadPoolExecutor(4) as pool:
            context = copy_context()
            for _ in range(50):
                pool.submit(context.copy().run, lambda: tracer.start_span("pooled").end())
    found = paths(recorder)
    assert all(found[f"t{n}.o"] == found[f"t{n}"] + ".1" for n in range(50))
    children = [row.span_id for row in recorder.spans if row.span_id.count(".") == 1]
    assert sorted(int(path[2:]) for path in children) == list(range(1, 101))


def test_it_loads_by_its_name() -> None:
    """I11: OTEL_PYTHON_CONTEXT=hopline is found while OpenTelemetry is being imported."""
    code = "from opentelemetry import context, trace; print(type(context._RUNTIME_CONTEXT).__name__)"
    settings = {**os.environ, "OTEL_PYTHON_CONTEXT": "hopline"}
    answer = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True)
    assert (answer.stdout.strip(), answer.stderr) == ("SharedContext", "")


def test_our_sender_stays_untraced(tracer: Tracer, recorder: Recorder) -> None:
    """S1: attaching contexts in our sender thread does not bring its work back into a trace."""
    with Active(NOOP), tracer.start_as_current_span("produce"):
        assert current.get() is NOOP
        with hopline.span("ours"):
            pass
    assert recorder.spans == []
