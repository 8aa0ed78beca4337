"""OpenTelemetry's instrumentation inside ours of the same call: one row, and nothing of either is lost."""

from collections.abc import Iterator

import pytest
from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import hopline
from hopline.otel.response import ResponsePropagator
from hopline.otel_context import SharedContext
from hopline.testing import Recorder

REQUEST = {"http.request.method": "GET"}


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_RUNTIME_CONTEXT", SharedContext())


@pytest.fixture
def served() -> Iterator[hopline.Span]:
    with hopline.span("GET /orders", kind="server") as row:
        yield row


@pytest.mark.parametrize("kind", [SpanKind.CLIENT, SpanKind.PRODUCER])
def test_a_call_seen_twice_is_one_row(tracer: Tracer, recorder: Recorder, kind: SpanKind) -> None:
    """I11: their span inside our row of a call is that row: its headers, its children, its id."""
    with hopline.span("GET", kind="client") as ours, tracer.start_as_current_span("GET", kind=kind) as theirs:
        sent: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(sent)
        assert sent["tracestate"] == hopline.inject({})["tracestate"]
        assert sent["traceparent"].split("-")[2] == ours.id
        assert theirs.get_span_context().span_id == ours.id_int
        with tracer.start_as_current_span("again", kind=SpanKind.CLIENT):
            pass
    assert [row.name for row in recorder.spans] == ["GET"]


def test_a_request_seen_twice_is_one_row(tracer: Tracer, recorder: Recorder, served: hopline.Span) -> None:
    """I11: their span of the request that we serve is our row; what they do inside is its child."""
    with tracer.start_as_current_span("GET /orders", attributes=REQUEST):
        with tracer.start_as_current_span("work"):
            pass
        with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=REQUEST):
            pass
        answer: dict[str, str] = {}
        ResponsePropagator().inject(answer, setter=_Setter())
    assert not answer, "our own middleware answers"
    served.__exit__(None, None, None)
    assert {row.name: row.span_id for row in recorder.spans} == {"GET /orders": "0", "work": "0.1", "GET": "0.2"}
    assert recorder.one(name="work").parent_id == served.id


def test_what_the_application_says_of_their_span_is_kept(
    tracer: Tracer, recorder: Recorder, served: hopline.Span
) -> None:
    """M11: tags, the uid, events, exceptions and the status set on the span that stands for a row are the row's."""
    served.tag("tier", "ours")
    with tracer.start_as_current_span("GET /orders", attributes=REQUEST) as theirs:
        now = trace.get_current_span()
        now.set_attribute("basket", 3)
        now.set_attributes({"tier": "theirs", "user.id": "u-1"})
        now.add_event("cache", {"message": "miss"})
        now.record_exception(ValueError("bad"))
        now.set_status(StatusCode.ERROR, "out of stock")
        assert theirs.attributes["basket"] == 3, "others who export the span see it too"
    served.__exit__(None, None, None)
    row = recorder.one(name="GET /orders")
    assert (row.tags["basket"], row.tags["tier"], row.uid) == ("3", "ours", "u-1")
    assert [(key, text.partition("\n")[0]) for _, key, text in row.annotations] == [
        ("cache", "miss"),
        ("exception", "ValueError: bad"),
    ]
    assert (row.error, row.error_text) == (True, "out of stock")


def test_work_of_their_own_keeps_its_row(tracer: Tracer, recorder: Recorder) -> None:
    """I11: only a span of the same call stands for our row: calls below local work and server spans in calls do not."""
    with hopline.span("job"):
        with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=REQUEST):
            pass
        with hopline.span("call", kind="client"), tracer.start_as_current_span("in process", kind=SpanKind.SERVER):
            pass
    assert {row.name for row in recorder.spans} == {"job", "GET", "call", "in process"}


class _Setter:
    def set(self, carrier: dict[str, str], key: str, value: str) -> None:
        carrier[key] = value
