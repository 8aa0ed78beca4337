"""OTLP over gRPC: OpenTelemetry's own exporter, and calls that are broken in every way."""

import gzip
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanKind
from prometheus_client import generate_latest

from hopline_collector.door.bodies import RefusedError
from hopline_collector.door.intake import IntakeAwayError, IntakeFullError
from hopline_collector.door.otlp_grpc import GrpcSettings, OtlpGrpcServer
from hopline_collector.metrics import Metrics
from support.certificate import make_certificate
from support.intakes import MemoryIntake

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MAX_BYTES = 1_000_000


class Door:
    """A server, what it took in, and one channel to it."""

    def __init__(self, intake: MemoryIntake, **settings: Any) -> None:
        self.intake = intake
        self.metrics = Metrics()
        self.server = OtlpGrpcServer(intake, self.metrics, GrpcSettings("127.0.0.1:0", max_bytes=MAX_BYTES, **settings))
        self.address = f"127.0.0.1:{self.server.start()}"

    def call(self, body: bytes, *, headers: tuple[tuple[str, str], ...] = (), compress: bool = False) -> Any:
        """The answer to one Export of raw bytes; raises grpc.RpcError."""
        with grpc.insecure_channel(self.address) as channel:
            send = channel.unary_unary(METHOD)
            chosen = grpc.Compression.Gzip if compress else None
            return ExportTraceServiceResponse.FromString(send(body, 60, headers, compression=chosen))

    def refused(self, body: bytes, **kept: Any) -> grpc.RpcError:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(body, **kept)
        return caught.value


@pytest.fixture
def opened() -> Iterator[Callable[..., Door]]:
    doors: list[Door] = []

    def start(intake: MemoryIntake | None = None, **settings: Any) -> Door:
        doors.append(Door(intake or MemoryIntake(), **settings))
        return doors[-1]

    yield start
    for door in doors:
        door.server.stop()


def request(spans: int = 1, trace_id: bytes = b"t" * 16) -> bytes:
    found = ExportTraceServiceRequest()
    scope = found.resource_spans.add().scope_spans.add()
    for number in range(spans):
        scope.spans.add(trace_id=trace_id, span_id=(number + 1).to_bytes(8, "big"), name="x", start_time_unix_nano=1)
    return bytes(found.SerializeToString())


def tracer(exporter: OTLPSpanExporter) -> trace.Tracer:
    provider = TracerProvider(resource=Resource.create({"service.name": "web"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("shop", "1.0")


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_sdks_exporter_is_understood(opened: Callable[..., Door], compression: grpc.Compression) -> None:
    """C4: OpenTelemetry's exporter sends over gRPC, plain and gzipped, and every span arrives whole."""
    door = opened()
    exporter = OTLPSpanExporter(endpoint=door.address, insecure=True, timeout=60, compression=compression)
    with tracer(exporter).start_as_current_span("GET", kind=SpanKind.CLIENT, attributes={"user.id": "u-1"}) as span:
        span.add_event("retry", {"n": 1})
    exporter.shutdown()
    (row,) = door.intake.rows()
    assert (row["service"], row["name"], row["kind"], row["uid"]) == ("web", "GET", "client", "u-1")
    assert row["id"] == span.get_span_context().span_id


def test_an_exporter_knows_that_all_was_taken(opened: Callable[..., Door]) -> None:
    """C4: the answer is one that the client reads as success, given after the rows are durable."""
    door = opened()
    exporter = OTLPSpanExporter(endpoint=door.address, insecure=True, timeout=60)
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("x")
    span.end()
    assert exporter.export([span]) is SpanExportResult.SUCCESS
    assert len(door.intake.rows()) == 1
    exporter.shutdown()


def test_what_is_refused_is_told_as_partial_success(opened: Callable[..., Door]) -> None:
    """C4: a span without a trace id is named, its neighbours are taken."""
    door = opened()
    good, bad = ExportTraceServiceRequest.FromString(request(2)), ExportTraceServiceRequest.FromString(request(1, b""))
    good.resource_spans[0].scope_spans[0].spans.extend(bad.resource_spans[0].scope_spans[0].spans)
    answer = door.call(good.SerializeToString())
    assert answer.partial_success.rejected_spans == 1
    assert "bad_trace_id" in answer.partial_success.error_message
    assert [form for form, _ in door.intake.entries].count("otlp") == 1
    assert door.call(b"") == ExportTraceServiceResponse()


@pytest.mark.parametrize(
    ("error", "code"),
    [(IntakeFullError, grpc.StatusCode.RESOURCE_EXHAUSTED), (IntakeAwayError, grpc.StatusCode.UNAVAILABLE)],
)
def test_pressure_asks_to_come_again(opened: Callable[..., Door], error: type[Exception], code: Any) -> None:
    """C4: a full journal or a broker that is away answers with RetryInfo, without which a client gives up."""
    found = opened(MemoryIntake(error("not now"))).refused(request())
    assert found.code() is code
    (details,) = [value for key, value in found.trailing_metadata() if key == "grpc-status-details-bin"]
    assert b"type.googleapis.com/google.rpc.RetryInfo" in details


def test_what_is_no_request_is_refused_for_good(opened: Callable[..., Door]) -> None:
    """C4: nonsense, a broken gzip stream and a bad batch id are the sender's fault, and say so."""
    door = opened()
    assert door.refused(b"\xff\xff").code() is grpc.StatusCode.INVALID_ARGUMENT
    assert door.refused(b"\x1f\x8b\x08nonsense").code() is grpc.StatusCode.INVALID_ARGUMENT
    found = door.refused(request(), headers=(("hopline-batch-id", "x" * 200),))
    assert found.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not [key for key, _ in found.trailing_metadata() or () if key == "grpc-status-details-bin"]
    text = generate_latest(door.metrics.registry).decode()
    assert 'hopline_http_requests_total{format="otlp-grpc",status="400"} 3.0' in text


def test_a_bomb_is_refused_and_memory_stays(opened: Callable[..., Door]) -> None:
    """R3: what inflates beyond the limit is refused without being inflated."""
    door = opened()
    assert door.refused(b"\0" * (MAX_BYTES + 1)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    bomb = gzip.compress(bytes(300_000_000), 9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(bomb) < MAX_BYTES
    assert door.refused(bomb).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert door.refused(bytes(300_000), compress=True).code() is grpc.StatusCode.INVALID_ARGUMENT
    assert door.refused(bytes(MAX_BYTES * 2), compress=True).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
    door.call(request())


def test_a_batch_id_is_answered_without_storing_again(opened: Callable[..., Door]) -> None:
    """C4: the same batch id within an hour."""
    door = opened()
    for _ in range(2):
        door.call(request(), headers=(("hopline-batch-id", "b-1"),))
    assert len(door.intake.entries) == 1


def test_a_token_is_asked_for(opened: Callable[..., Door]) -> None:
    """R5: a call without a token or with one of another scope is refused as the HTTP door does it."""

    def admit(authorization: str, address: str) -> None:
        assert address == "127.0.0.1"
        if authorization != "Bearer good":
            raise RefusedError(403 if authorization else 401, "no")

    door = opened(admit=admit)
    assert door.refused(request()).code() is grpc.StatusCode.UNAUTHENTICATED
    other = door.refused(request(), headers=(("authorization", "Bearer other"),))
    assert other.code() is grpc.StatusCode.PERMISSION_DENIED
    assert door.intake.entries == []
    door.call(request(), headers=(("authorization", "Bearer good"),))
    assert len(door.intake.entries) == 1


def test_tls_with_a_certificate_of_ones_own(opened: Callable[..., Door], tmp_path: Path) -> None:
    """R5, A4: gRPC over TLS, with the exporter's own settings; the next handshake shows a renewed certificate."""
    chain, key = make_certificate(tmp_path)
    door = opened(certificate=lambda: (key.read_bytes(), chain.read_bytes()))
    for sent in (1, 2):
        exporter = OTLPSpanExporter(
            endpoint=f"https://{door.address}", timeout=60, credentials=grpc.ssl_channel_credentials(chain.read_bytes())
        )
        with tracer(exporter).start_as_current_span("GET"):
            pass
        exporter.shutdown()
        assert len(door.intake.rows()) == sent
        make_certificate(tmp_path)


def test_another_method_is_unknown(opened: Callable[..., Door]) -> None:
    """C4: what is not ours is unimplemented, not an error of ours."""
    door = opened()
    with grpc.insecure_channel(door.address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")(b"", 60)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_taken_port_is_an_os_error(opened: Callable[..., Door]) -> None:
    """O2: a port that is held is told at start."""
    door = opened()
    second = OtlpGrpcServer(MemoryIntake(), Metrics(), GrpcSettings(door.address))
    with pytest.raises(OSError, match=door.address):
        second.start()
    second.stop()
