"""The path sampler: numbers, headers, fragments, weights."""

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import SpanKind, Tracer, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import hopline
from hopline.context import Active
from hopline.noop import NOOP
from hopline.otel import PathSampler, sampler
from hopline.propagation.tracestate import parse_hop
from hopline.testing import Recorder

TRACE = "6921c0de0123456789abcdef01234567"
CALLER = "00f067aa0ba902b7"
W3C = TraceContextTextMapPropagator()


def headers() -> dict[str, str]:
    """What the current span would send."""
    carrier: dict[str, str] = {}
    W3C.inject(carrier)
    return carrier


@contextmanager
def received(hop: str, others: str = "", flags: str = "01") -> Iterator[None]:
    """The context of a request that came in with this ``hop`` member."""
    state = ",".join(filter(None, (hop and f"hop={hop}", others)))
    token = attach(W3C.extract({"traceparent": f"00-{TRACE}-{CALLER}-{flags}", "tracestate": state}, Context()))
    yield
    detach(token)


def start(tracer: Tracer, name: str, kind: SpanKind = SpanKind.INTERNAL):
    return tracer.start_as_current_span(name, kind=kind)


def test_numbers(tracer: Tracer, recorder: Recorder) -> None:
    """I11: a root is 0, its children 0.1, 0.2, those below 0.1 are 0.1.1, 0.1.2; the ids are OpenTelemetry's."""
    with start(tracer, "root") as root:
        with start(tracer, "a") as a:
            for name in ("a1", "a2"):
                with start(tracer, name):
                    pass
        with start(tracer, "b"):
            pass
    rows = {row.name: row for row in recorder.spans}
    assert {name: row.span_id for name, row in rows.items()} == {
        "root": "0", "a": "0.1", "a1": "0.1.1", "a2": "0.1.2", "b": "0.2",
    }  # fmt: skip
    assert rows["root"].id == f"{root.get_span_context().span_id:016x}"
    assert rows["a1"].parent_id == rows["a"].id == f"{a.get_span_context().span_id:016x}"
    assert {row.trace_id for row in rows.values()} == {f"{root.get_span_context().trace_id:032x}"}
    assert (rows["root"].children, rows["a"].children, rows["b"].children) == (2, 2, 0)
    assert rows["root"].parent_id is None


def test_the_path_is_an_attribute(tracer: Tracer) -> None:
    """I11: exporters other than ours find the path as an attribute, beside those of the span."""
    with tracer.start_as_current_span("root", attributes={"own": 1}) as root:
        assert dict(root.attributes) == {"own": 1, "hopline.span_id": "0"}


def test_threads_give_every_number_once(tracer: Tracer, recorder: Recorder) -> None:
    """M3: 400 children from 8 threads are 0.1 to 0.400."""
    with start(tracer, "root"), ThreadPoolExecutor(8) as pool:
        context = copy_context()
        for _ in range(400):
            pool.submit(context.copy().run, lambda: tracer.start_span("child").end())
    found = [row.span_id for row in recorder.spans if row.name == "child"]
    assert sorted(found, key=lambda path: int(path[2:])) == [f"0.{n}" for n in range(1, 401)]


def test_a_call_hands_its_path_on(tracer: Tracer, recorder: Recorder) -> None:
    """M4, P1: a client row's header names its own id and path, our service and the entry's operation."""
    with start(tracer, "GET /cart", SpanKind.SERVER) as server, start(tracer, "POST", SpanKind.CLIENT) as call:
        sent = headers()
        server.update_name("GET /cart/{id}")
        renamed = headers()
    number = f"{call.get_span_context().span_id:016x}"
    assert sent["traceparent"].split("-")[2] == number
    assert sent["tracestate"] == f"hop={number};0.1;;orders;z1;h1:1;GET%20/cart"
    assert renamed["tracestate"].endswith(";GET%20/cart/%7Bid%7D")


def test_other_rows_hand_on_the_next_number(tracer: Tracer, recorder: Recorder) -> None:
    """M4: inject in a server or local row takes a child number, so no later child has it."""
    with start(tracer, "work", SpanKind.SERVER):
        assert [headers()["tracestate"].split(";")[1] for _ in range(2)] == ["0.1", "0.2"]
        with start(tracer, "later"):
            pass
    assert recorder.one(name="later").span_id == "0.3"
    assert recorder.one(name="work").children == 3


def test_a_call_inside_a_call_is_its_sibling(tracer: Tracer, recorder: Recorder) -> None:
    """M4: the path of a call belongs to its callee, so what happens inside is numbered by the row above."""
    with start(tracer, "root"), start(tracer, "S3", SpanKind.CLIENT) as outer, start(tracer, "PUT", SpanKind.CLIENT):
        pass
    inner = recorder.one(name="PUT")
    assert (recorder.one(name="S3").span_id, inner.span_id) == ("0.1", "0.2")
    assert inner.parent_id == recorder.one(name="root").id
    assert inner.attrs["otel.parent_id"] == f"{outer.get_span_context().span_id:016x}"


def test_below_a_call_at_the_root(tracer: Tracer, recorder: Recorder) -> None:
    """M10: with no row above the call, what happens inside is a fragment below it."""
    with start(tracer, "GET", SpanKind.CLIENT), start(tracer, "dns"), start(tracer, "socket"):
        pass
    assert [recorder.one(name=name).span_id for name in ("GET", "dns", "socket")] == ["0", "~", "~.1"]
    assert recorder.one(name="dns").parent_id == recorder.one(name="GET").id


@pytest.mark.parametrize("kind", [SpanKind.SERVER, SpanKind.CONSUMER])
def test_an_entry_adopts_the_path(tracer: Tracer, recorder: Recorder, kind: SpanKind) -> None:
    """M10: a server or consumer span takes the path that came in, with weight and caller."""
    with received(f"{CALLER};0.2;4000;gateway;z9;g:7;POST%20/checkout"), start(tracer, "in", kind), start(tracer, "x"):
        pass
    row = recorder.one(name="in")
    assert (row.trace_id, row.parent_id, row.span_id, row.weight) == (TRACE, CALLER, "0.2", 4000)
    caller = (row.caller_service, row.caller_zone, row.caller_instance, row.caller_name)
    assert caller == ("gateway", "z9", "g:7", "POST /checkout")
    below = recorder.one(name="x")
    assert (below.span_id, below.weight, below.caller_service) == ("0.2.1", 4000, "")


@pytest.mark.parametrize("kind", [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER])
def test_others_adopt_nothing(tracer: Tracer, recorder: Recorder, kind: SpanKind) -> None:
    """M10: only entries adopt: any other first span would repeat the path of its caller's other side."""
    with received(f"{CALLER};0.2;2000"), start(tracer, "in", kind):
        pass
    row = recorder.one(name="in")
    assert (row.span_id, row.parent_id, row.weight) == ("~", CALLER, 2000)


@pytest.mark.parametrize("hop", ["", "1111111111111111;0.2", f"{CALLER};0.x", f"{CALLER};0" + ".1" * 90])
def test_without_a_valid_path(tracer: Tracer, recorder: Recorder, hop: str) -> None:
    """P2, M10: no member, a stale one, a malformed one or a path too deep: a fragment begins."""
    with received(hop), start(tracer, "in", SpanKind.SERVER), start(tracer, "x"):
        pass
    assert [recorder.one(name=name).span_id for name in ("in", "x")] == ["~", "~.1"]
    assert recorder.one(name="in").parent_id == CALLER
    assert recorder.one(name="in").caller_service == ""


def test_foreign_members_survive(tracer: Tracer) -> None:
    """P1: other vendors' members stay, unchanged and in order, ours first."""
    with received(f"{CALLER};0.2", "congo=t61,rojo=00f067aa"), start(tracer, "in", SpanKind.SERVER):
        with start(tracer, "out", SpanKind.CLIENT):
            member, *others = headers()["tracestate"].split(",")
        assert member.split(";")[1] == "0.2.1"
        assert others == ["congo=t61", "rojo=00f067aa"]


def test_a_members_limit(tracer: Tracer) -> None:
    """P1: 32 members at most; the last foreign one makes room."""
    others = ",".join(f"v{n}=1" for n in range(32))
    with received("", others), start(tracer, "in", SpanKind.SERVER):
        members = headers()["tracestate"].split(",")
    assert len(members) == 32
    assert members[0].startswith("hop=")
    assert members[-1] == "v30=1"


def test_depth(tracer: Tracer, recorder: Recorder) -> None:
    """M7: below the deepest path a fragment begins; no header grows over its limit."""
    stack = []
    for depth in range(100):
        manager = start(tracer, f"d{depth}")
        manager.__enter__()
        stack.append(manager)
    deepest = headers()["tracestate"]
    for manager in reversed(stack):
        manager.__exit__(None, None, None)
    paths = {row.name: row.span_id for row in recorder.spans}
    assert paths["d79"] == "0" + ".1" * 79
    assert paths["d80"] == "~"
    assert paths["d81"] == "~.1"
    assert len(deepest) <= 4 + 256
    assert recorder.counters()["events"]["fragments"] == 1


def test_unsampled(provide: Callable[..., Tracer], recorder: Recorder) -> None:
    """I7: an unsampled span sends its own id and no path, which would name a row that is not there."""
    tracer = provide(ParentBased(ALWAYS_OFF))
    with received(f"{CALLER};0.2", "congo=t61", flags="00"), start(tracer, "in", SpanKind.SERVER):
        sent = headers()
    assert sent["traceparent"].endswith("-00")
    assert sent["tracestate"] == "congo=t61"
    with start(tracer, "root"):
        assert "tracestate" not in headers()
    assert recorder.spans == []


@pytest.mark.parametrize(
    ("argument", "make", "weight"),
    [
        ("0.25", sampler.trace_id_ratio, 4000),
        ("0.5", sampler.parent_based_trace_id_ratio, 2000),
        (None, sampler.always_on, 1000),
        (None, sampler.parent_based_always_on, 1000),
        (None, sampler.parent_based, 1000),
    ],
)
def test_weights(provide, recorder: Recorder, argument: str | None, make: Callable[..., Sampler], weight: int) -> None:
    """I7: the entry points read their argument, and each kept trace weighs what it stands for."""
    made = make(argument)
    assert isinstance(made, PathSampler)
    tracer = provide(made._decides)
    for _ in range(200):
        with start(tracer, "root"), start(tracer, "child"):
            pass
    rows = recorder.spans
    assert rows
    assert {row.weight for row in rows} == {weight}


def test_settings_decide(provide, monkeypatch: pytest.MonkeyPatch) -> None:
    """I7: without a sampler of its own, rates by operation and their weights come from our settings."""
    with Recorder(service="s", sample_operations="GET /health=0,POST /pay=0.5") as recorder:
        tracer = provide()
        for name in ("GET /health", "POST /pay", "GET /"):
            for _ in range(60):
                with start(tracer, name), start(tracer, "child"):
                    pass
        weights = {row.name: row.weight for row in recorder.spans if row.name != "child"}
    assert weights == {"POST /pay": 2000, "GET /": 1000}


def test_bad_rate() -> None:
    """I10: a rate that is none raises, which makes OpenTelemetry fall back to its default with a warning."""
    with pytest.raises(ValueError, match="often"):
        sampler.trace_id_ratio("often")


class Marking(Sampler):
    """A sampler that adds a member of its own."""

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *_rest):
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, TraceState([("ot", "th:8")]))

    def get_description(self) -> str:
        return "Marking"


def test_the_wrapped_samplers_member(provide: Callable[..., Tracer]) -> None:
    """P1: what the wrapped sampler writes into the trace state travels too."""
    tracer = provide(Marking())
    with start(tracer, "root", SpanKind.CLIENT):
        assert headers()["tracestate"].split(",")[1:] == ["ot=th:8"]
    assert PathSampler(Marking()).get_description() == "HoplinePath{Marking}"


def test_state_behaves_as_a_trace_state(tracer: Tracer) -> None:
    """I11: reading, adding to, copying and comparing the state neither fails nor takes a number."""
    with start(tracer, "root") as root:
        context = root.get_span_context()
        state = context.trace_state
        own = f"{context.span_id:016x};0;;orders;z1;h1:1;root"
        assert list(state.items()) == [("hop", own)]
        assert (len(state), "hop" in state, state["hop"]) == (1, True, own)
        assert list(state.add("congo", "1")) == ["congo", "hop"]
        assert list(state.delete("hop")) == []
        assert type(copy.deepcopy(state)) is TraceState
        assert copy.deepcopy(state) == state
        assert headers()["tracestate"].split(";")[1] == "0.1"


def test_a_copied_state_is_a_strangers(tracer: Tracer, recorder: Recorder) -> None:
    """M10: a context with our state but another id numbers nothing."""
    with start(tracer, "root") as root:
        context = root.get_span_context()
        copied = trace.SpanContext(context.trace_id, 5, is_remote=False, trace_flags=context.trace_flags,
                                   trace_state=context.trace_state)  # fmt: skip
        with trace.use_span(trace.NonRecordingSpan(copied)), start(tracer, "x"):
            pass
    assert recorder.one(name="x").span_id == "~"


def test_baggage_reaches_the_row(tracer: Tracer, recorder: Recorder) -> None:
    """M11: uid and load_test of OpenTelemetry's baggage are on every row of the entry."""
    token = attach(baggage.set_baggage("load_test", "1", baggage.set_baggage("uid", "u-1", Context())))
    with start(tracer, "in", SpanKind.SERVER), start(tracer, "x"):
        pass
    detach(token)
    assert {(row.uid, row.flags) for row in recorder.spans} == {("u-1", 5)}


def test_our_own_sender_is_not_traced(tracer: Tracer, recorder: Recorder) -> None:
    """S1: what our sender thread does makes no spans, or each message would cause the next."""
    with Active(NOOP), start(tracer, "produce"):
        pass
    assert recorder.spans == []


def test_a_failure_of_ours_is_no_failure_of_the_application(provide, recorder: Recorder) -> None:
    """I10: when the row cannot be made, the span goes on without a path, and is counted."""
    tracer = provide(ALWAYS_ON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hopline.otel.rows.root", Mock(side_effect=RuntimeError))
        with start(tracer, "root") as root:
            assert root.is_recording()
    assert recorder.one(name="root").span_id == ""
    assert hopline.counters()["events"]["sampler_errors"] == 1


def test_the_kill_switch(provide, recorder: Recorder) -> None:
    """I10: after hopline.disable() no new span has a path, a header member or a row; those begun are still sent."""
    tracer = provide(ALWAYS_ON)
    with start(tracer, "before"):
        hopline.disable()
        with start(tracer, "call", SpanKind.CLIENT):
            assert "tracestate" not in headers()
    with start(tracer, "after"):
        pass
    hopline.enable()
    with start(tracer, "again"):
        pass
    assert [row.name for row in recorder.spans] == ["before", "again"]


@pytest.mark.parametrize(
    ("address", "weight", "rate"), [("10.1.2.3", 4000, None), ("", 4000, None), ("8.8.4.4", 1000, "unknown")]
)
def test_a_strangers_weight(tracer: Tracer, recorder: Recorder, address: str, weight: int, rate: str | None) -> None:
    """P5: a weight counts from trusted peers only; a stranger's makes the row's rate unknown."""
    attributes = {"client.address": address} if address else {}
    with (
        received(f"{CALLER};0.2;4000;gateway"),
        tracer.start_as_current_span("in", kind=SpanKind.SERVER, attributes=attributes),
    ):
        pass
    row = recorder.one(name="in")
    assert (row.weight, row.tags.get("hopline.rate"), row.span_id) == (weight, rate, "0.2")


@pytest.mark.parametrize(("follow", "kept"), [(True, {"yes"}), (False, {"yes", "no"})])
def test_the_inbound_decision(provide: Callable[..., Tracer], follow: bool, kept: set[str]) -> None:
    """P5: by setting the sender's decision is followed, or every service decides anew."""
    with Recorder(service="s", follow_inbound=follow, sample=1.0) as recorder:
        tracer = provide()
        for name, flags in (("yes", "01"), ("no", "00")):
            with received(f"{CALLER};0.2;4000", flags=flags), start(tracer, name, SpanKind.SERVER):
                pass
        assert {row.name for row in recorder.spans} == kept
        assert {(row.span_id, row.weight) for row in recorder.spans} == {("0.2", 4000 if follow else 1000)}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=",="), min_size=1, max_size=256))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_member_is_survived(tracer: Tracer, value: str) -> None:
    """P3: whatever stands in our member, the span is made and hands on a valid one."""
    with received(f"{CALLER};{value}"), start(tracer, "in", SpanKind.SERVER), start(tracer, "out", SpanKind.CLIENT):
        member = headers()["tracestate"]
    assert parse_hop(member[4:]) is not None
    assert hopline.counters()["events"].get("sampler_errors") is None
