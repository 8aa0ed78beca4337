"""The exporter: what an OpenTelemetry span says becomes our row."""

from collections.abc import Callable
from time import time
from unittest.mock import Mock

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, Tracer, TraceState, use_span
from opentelemetry.trace.span import NonRecordingSpan

import hopline
from hopline import tracer as tracing
from hopline.model import Row
from hopline.otel import HoplineSpanExporter, PathSampler, TimedIdGenerator
from hopline.otel.process import facts, tracer_for
from hopline.testing import Recorder

CLIENT, SERVER, PRODUCER, CONSUMER, INTERNAL = (
    SpanKind.CLIENT, SpanKind.SERVER, SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.INTERNAL,
)  # fmt: skip
START_NS = 1_763_800_000_123_456_789


@pytest.fixture
def export(tracer: Tracer, recorder: Recorder) -> Callable[..., Row]:
    """``export(kind, attributes)``: the row of a span of 48,210 us."""

    def run(kind: SpanKind = INTERNAL, attributes=None, *, status: Status | None = None, events=(), links=()) -> Row:
        span = tracer.start_span("op", kind=kind, attributes=attributes, start_time=START_NS, links=links)
        for name, found, at in events:
            span.add_event(name, found, at)
        if status is not None:
            span.set_status(status)
        span.end(START_NS + 48_210_000)
        return recorder.one(name="op")

    return run


def test_times_kind_and_scope(export: Callable[..., Row]) -> None:
    """I11: microseconds, kind, service of the process; the instrumentation's name is a tag."""
    row = export(SERVER, {"answer": 42, "ok": True, "items": ("a", 1, True)})
    assert abs(row.start_us - START_NS // 1000) <= 1
    assert abs(row.duration_us - 48_210) <= 1
    assert (row.kind, row.service, row.instance, row.zone) == ("server", "orders", "h1:1", "z1")
    assert row.tags == {"answer": "42", "ok": "true", "items": '["a", 1, true]', "otel.scope.name": "test.scope"}


@pytest.mark.parametrize(
    ("kind", "attributes", "peer"),
    [
        (CLIENT, {"server.address": "users", "server.port": 8080}, ("users:8080", "")),
        (CLIENT, {"net.peer.name": "users"}, ("users", "")),
        (CLIENT, {"peer.service": "users", "server.address": "10.0.0.7"}, ("users", "service")),
        (CLIENT, {"http.response.header.hopline_service": ("shop",), "server.address": "h"}, ("shop", "service")),
        (CLIENT, {"db.system.name": "mysql", "db.namespace": "shop", "server.address": "db1"}, ("shop", "db")),
        (CLIENT, {"db.system": "postgresql", "net.peer.name": "pg", "net.peer.port": 5432}, ("pg:5432", "db")),
        (CLIENT, {"db.system": "redis", "server.address": "r1", "server.port": 6379}, ("r1:6379", "cache")),
        (CLIENT, {}, ("", "")),
        (PRODUCER, {"messaging.destination.name": "orders", "messaging.system": "kafka"}, ("orders", "mq")),
        (CONSUMER, {"messaging.destination": "orders"}, ("orders", "mq")),
        (SERVER, {"server.address": "self", "db.system": "mysql"}, ("", "")),
        (INTERNAL, {"server.address": "x"}, ("", "")),
    ],
)
def test_peers(export: Callable[..., Row], kind: SpanKind, attributes, peer: tuple[str, str]) -> None:
    """I11: the far end of a call by the semantic conventions, present and former."""
    row = export(kind, attributes)
    assert (row.peer, row.peer_kind) == peer


@pytest.mark.parametrize(
    ("kind", "attributes", "status", "error"),
    [
        (SERVER, {"http.response.status_code": 503}, None, (True, "503", "")),
        (SERVER, {"http.response.status_code": 404}, None, (False, "", "")),
        (CLIENT, {"http.status_code": 404}, None, (True, "404", "")),
        (CLIENT, {"http.response.status_code": 404}, Status(StatusCode.OK), (False, "", "")),
        (INTERNAL, {"error.type": "Timeout"}, Status(StatusCode.ERROR, "too slow"), (True, "Timeout", "too slow")),
        (INTERNAL, {}, Status(StatusCode.ERROR), (True, "", "")),
    ],
)
def test_errors(export: Callable[..., Row], kind: SpanKind, attributes, status, error) -> None:
    """M: the status decides; where none is set, 5xx fails a server row, 4xx and 5xx a client row."""
    row = export(kind, attributes, status=status)
    assert (row.error, row.error_type, row.error_text) == error


def test_exceptions_and_events(tracer: Tracer, recorder: Recorder) -> None:
    """I11: events are annotations; the exception names the failure."""

    def fail() -> None:
        with tracer.start_as_current_span("op") as span:
            span.add_event("cache-miss", {"key": "k1"})
            span.add_event("said", {"message": "hello"})
            raise LookupError("no such order")

    with pytest.raises(LookupError):
        fail()
    row = recorder.one(name="op")
    assert (row.error, row.error_type, row.error_text) == (True, "LookupError", "LookupError: no such order")
    notes = {key: value for _, key, value in row.annotations}
    assert notes["cache-miss"] == '{"key": "k1"}'
    assert notes["said"] == "hello"
    assert notes["exception"].startswith("LookupError: no such order\nTraceback")
    assert all(row.start_us <= at <= row.start_us + row.duration_us for at, _, _ in row.annotations)


def test_links_user_and_retry(export: Callable[..., Row]) -> None:
    """I11: links, the user and the number of the retry have fields of their own."""
    other = SpanContext(0xABC, 0xDEF, is_remote=True)
    row = export(CONSUMER, {"user.id": "u-4711", "http.request.resend_count": 2}, links=[Link(other)])
    assert row.links == [(f"{0xABC:032x}", f"{0xDEF:016x}", "producer")]
    assert (row.uid, row.attempt) == ("u-4711", 2)


def test_caps_masks_and_scan_only_keys(export: Callable[..., Row]) -> None:
    """I8: 64 tags and 128 annotations, masked secrets, high entropy kept out of the index; every cut marked."""
    attributes = {"url.full": "http://x/1", "user_agent.original": "curl", "api_key": "s3cret"}
    row = export(CLIENT, {**attributes, **{f"k{n}": n for n in range(90)}}, events=[("e", None, START_NS)] * 128)
    assert (row.attrs["url.full"], row.attrs["user_agent.original"]) == ("http://x/1", "curl")
    assert row.tags["api_key"] == "***"
    assert int(row.tags["hopline.cut"]) == 90 + 3 + 1 - 1 - 64
    assert len(row.annotations) == 128


def test_without_our_sampler(provide: Callable[..., Tracer], recorder: Recorder) -> None:
    """T22: spans of another sampler ship without a path, which the reader derives; entries still adopt theirs."""
    tracer = provide(ALWAYS_ON, paths=False)
    state = TraceState([("hop", "00f067aa0ba902b7;0.3;;gateway")])
    parent = SpanContext(7, 0x00F067AA0BA902B7, is_remote=True, trace_state=state)
    with use_span(NonRecordingSpan(parent)), tracer.start_as_current_span("in", kind=SERVER):
        tracer.start_span("out", kind=CLIENT).end()
    entry, call = recorder.one(name="in"), recorder.one(name="out")
    assert (entry.span_id, entry.caller_service) == ("0.3", "gateway")
    assert (call.span_id, call.parent_id) == ("", entry.id)


def test_messages_of_our_own_are_left_out(tracer: Tracer, recorder: Recorder) -> None:
    """S1: a span about sending our rows would cause the next message, for ever."""
    attributes = {"messaging.system": "kafka", "messaging.destination": "hopline.spans"}
    tracer.start_span("hopline.spans send", kind=PRODUCER, attributes=attributes).end()
    assert recorder.spans == []


def test_a_bad_span_does_not_sink_the_others(tracer: Tracer, recorder: Recorder, monkeypatch) -> None:
    """I10: what cannot be turned into a row is counted, and the export goes on."""
    from hopline.otel import exporter

    whole = exporter.finished

    def failing(span, shipped):
        if span.name == "bad":
            raise ValueError
        return whole(span, shipped)

    monkeypatch.setattr(exporter, "finished", failing)
    tracer.start_span("bad").end()
    tracer.start_span("good").end()
    assert [row.name for row in recorder.spans] == ["good"]
    assert hopline.counters()["events"]["exporter_errors"] == 1


def test_the_batch_processor_and_flush(recorder: Recorder) -> None:
    """I11: behind OpenTelemetry's batch processor, force_flush brings every row to our transport."""
    provider = TracerProvider(sampler=PathSampler(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(HoplineSpanExporter()))
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("root"):
        for _ in range(1000):
            tracer.start_span("child").end()
    assert provider.force_flush()
    assert len(recorder.spans) == 1001
    assert recorder.one(name="root").children == 1000
    provider.shutdown()


def test_ids_tell_their_time(recorder: Recorder) -> None:
    """M: with our id generator a trace id begins with its Unix seconds, the rest is random."""
    tracer = TracerProvider(id_generator=TimedIdGenerator(), shutdown_on_exit=False).get_tracer("t")
    contexts = [tracer.start_span("s").get_span_context() for _ in range(3)]
    assert len({c.trace_id for c in contexts} | {c.span_id for c in contexts}) == 6
    assert all(abs((c.trace_id >> 96) - time()) < 60 for c in contexts)
    assert all(c.trace_flags.random_trace_id for c in contexts)


def test_the_resource_names_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """I6: where our settings are silent, the resource names service, version, zone and environment."""
    resource = Resource(
        {"service.name": "cart", "service.version": "1.2", "cloud.availability_zone": "sh-1",
         "deployment.environment.name": "prod"}
    )  # fmt: skip
    monkeypatch.setenv("HOPLINE_ENV", "test")
    assert facts(resource) == {"service": "cart", "version": "1.2", "zone": "sh-1"}
    assert facts(Resource({"service.name": "unknown_service:python"})) == {}
    before = tracing.activate(None)
    monkeypatch.setenv("HOPLINE_ENDPOINT", "none:")
    try:
        assert tracer_for(resource).config.service == "cart"
        assert tracer_for(Resource({"service.name": "later"})).config.service == "cart"
    finally:
        made = tracing.activate(before)
        made.reporter.close(1)


def test_too_late_to_send(recorder: Recorder, monkeypatch) -> None:
    """I10: an interpreter that ends starts no sender thread; the export fails quietly and is counted."""
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("late")
    span.end()
    monkeypatch.setattr(tracing.active().reporter, "admit", Mock(side_effect=RuntimeError))
    assert HoplineSpanExporter().export([span]) is SpanExportResult.FAILURE
    assert hopline.counters()["events"]["exporter_errors"] == 1
