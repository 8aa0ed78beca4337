"""Zipkin's and OpenTelemetry's receivers: the tables of how peers answer, and where we do better."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from google.protobuf.message import Message as ProtobufMessage
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from hopline_collector.block.core import Message, build_block
from hopline_collector.door.intake import Entry, IntakeAwayError, IntakeFullError, JournalIntake
from hopline_collector.door.receivers import create_router
from hopline_collector.door.zipkin import is_zipkin
from hopline_collector.formats.proto import message_classes
from hopline_collector.formats.zipkin_protobuf import _List
from hopline_collector.handover.plan import Plan
from hopline_collector.metrics import Metrics
from hopline_collector.sources.journal import Batch, Journal

NOW = 1_763_800_010_000_000
MOST = 200_000
SPAN: dict[str, Any] = {
    "traceId": "6921c0de0123456789abcdef01234567",
    "id": "00f067aa0ba902b7",
    "kind": "SERVER",
    "name": "get",
    "timestamp": NOW - 1_000,
    "duration": 500,
    "localEndpoint": {"serviceName": "orders"},
}
OTLP_SPAN = {
    "traceId": SPAN["traceId"],
    "spanId": SPAN["id"],
    "name": "get",
    "startTimeUnixNano": str((NOW - 1_000) * 1_000),
    "endTimeUnixNano": str(NOW * 1_000),
}


class Memory:
    """An intake in memory that can be told to fail."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.failure: Exception | None = None

    def accept(self, entries: Any, _batch: Batch | None) -> None:
        if self.failure is not None:
            raise self.failure
        self.entries += entries

    def answer_of(self, _batch_id: str, _now: int) -> bytes | None:
        return None

    def rows(self) -> dict[str, list[Any]]:
        """The columns that the hand-over makes of what was taken."""
        messages = [Message(offset, *entry) for offset, entry in enumerate(self.entries)]
        return build_block(messages, Plan(0, len(messages), NOW)).columns


@pytest.fixture
def intake() -> Memory:
    return Memory()


@pytest.fixture
def ask(intake: Memory) -> Any:
    return asker(intake)


def asker(intake: Any) -> Any:
    app = FastAPI()
    app.include_router(create_router(intake, Metrics(), clock=lambda: NOW, max_bytes=MOST))

    def run(path: str, content: bytes | str = b"", headers: dict[str, str] | None = None, method: str = "POST") -> Any:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
                return await client.request(method, path, content=content, headers=headers)

        return asyncio.run(once())

    return run


def zipkin(*spans: Any) -> bytes:
    return json.dumps(list(spans)).encode()


def otlp(*spans: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}).encode()


GOOD = zipkin(SPAN)
JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}
GZIP = {"content-encoding": "gzip"}
PROTO_SPAN = _List(spans=[{"trace_id": b"\x01" * 16, "id": b"\x02" * 8, "timestamp": NOW}]).SerializeToString()
V1 = zipkin({"traceId": "1", "id": "2", "name": "x", "annotations": [], "binaryAnnotations": []})


@pytest.mark.parametrize(
    ("body", "headers", "count"),
    [
        (GOOD, JSON, 1),
        (GOOD, {}, 1),
        (GOOD, {"content-type": "text/plain; charset=utf-8"}, 1),
        (b" \n" + GOOD, JSON, 1),
        (b"", JSON, 0),
        (b"[]", JSON, 0),
        (gzip.compress(GOOD), GZIP, 1),
        (gzip.compress(GOOD[:50]) + gzip.compress(GOOD[50:]), GZIP, 1),
        (PROTO_SPAN, PROTOBUF, 1),
        (b"", PROTOBUF, 0),
        (GOOD, {"b3": "0"}, 1),
        (zipkin(*({**SPAN, "id": f"{n:x}"} for n in range(1, 500))), JSON, 499),
    ],
)
def test_zipkin_spans_are_taken(ask: Any, intake: Memory, body: bytes, headers: dict[str, str], count: int) -> None:
    """C4: 202 with an empty body, as a Zipkin server answers."""
    answer = ask("/api/v2/spans", body, headers)
    assert (answer.status_code, answer.content) == (202, b"")
    assert len(intake.rows()["id"]) == count


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        (json.dumps(SPAN), JSON, (400, "Expected a JSON_V2 encoded list")),
        (b"garbage", JSON, (400, "Expected a JSON_V2 encoded list")),
        (b"<html>", JSON, (400, "Expected a JSON_V2 encoded list")),
        (GOOD.decode().encode("utf-16"), JSON, (400, "Expected a JSON_V2 encoded list")),
        (b"\xef\xbb\xbf" + GOOD, JSON, (400, "Expected a JSON_V2 encoded list")),
        (
            GOOD[:-5],
            JSON,
            (400, f"Malformed reading List<Span> from json: Input data was truncated (byte {len(GOOD) - 5})"),
        ),
        (GOOD.replace(b"}", b"\0}"), JSON, (400, "Malformed reading List<Span> from json")),
        (b"[null]", JSON, (400, "at $[0]")),
        (b"[NaN]", JSON, (400, "Malformed reading List<Span> from json")),
        (b"[" * 10_000, JSON, (400, "Malformed reading List<Span> from json")),
        (zipkin(SPAN, {"id": "1"}), JSON, (400, "Missing : traceId reading List<Span> from json, at $[1]")),
        (zipkin({**SPAN, "timestamp": 5.5}), JSON, (400, "Expected a long but was 5.5")),
        (zipkin({**SPAN, "kind": "client"}), JSON, (400, "is no span kind")),
        (GOOD + b"x", JSON, (400, "trailing characters")),
        (V1, JSON, (400, "Expected a JSON_V2 encoded list, but received: JSON_V1")),
        (GOOD, GZIP, (400, "incorrect header check")),
        (gzip.compress(GOOD)[:-6], GZIP, (400, "the stream ends too early")),
        (gzip.compress(GOOD) + b"garbage", GZIP, (400, "incorrect header check")),
        (gzip.compress(GOOD) + gzip.compress(GOOD), GZIP, (400, "trailing characters")),
        (gzip.compress(b"") * 2_000, GZIP, (400, "more than 1000 members")),
        (gzip.compress(b" " * 15_000_000) * 2, GZIP, (413, "at most")),
        (gzip.compress(GOOD), JSON, (400, "Expected a JSON_V2 encoded list")),
        (GOOD, {"content-encoding": "br"}, (415, "gzip, x-gzip, deflate, zstd or none")),
        (GOOD, {"content-encoding": "deflate"}, (400, "while decompressing data")),
        (GOOD, {"content-encoding": "zstd"}, (400, "zstd")),
        (GOOD, {"content-type": "application/x-thrift"}, (415, "application/json or application/x-protobuf")),
        (b" " * (MOST + 1), JSON, (413, "at most")),
        (gzip.compress(b" " * 50_000_000), GZIP, (413, "at most")),
        (b"\x0a\x02\x22\x00", PROTOBUF, (400, "Missing : traceId id reading List<Span> from proto3")),
        (b"\xff\xff", PROTOBUF, (400, "Expected a PROTO3 encoded list")),
    ],
)
def test_what_zipkin_refuses(
    ask: Any, intake: Memory, body: bytes, headers: dict[str, str], told: tuple[int, str]
) -> None:
    """C4: errors as text, with the place; nothing of a refused body is kept."""
    answer = ask("/api/v2/spans", body, headers)
    assert answer.status_code == told[0]
    assert answer.headers["content-type"].startswith("text/plain")
    assert told[1] in answer.text
    assert intake.entries == []


@pytest.mark.parametrize("path", ["/api/v2/spans", "/v1/traces"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_not_allowed(ask: Any, path: str, method: str) -> None:
    """C4: 405 with the method that is."""
    answer = ask(path, method=method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_v1_spans_may_be_posted_beside_our_rows(ask: Any, intake: Memory) -> None:
    """C4: rows with `traceId` are Zipkin v1, rows with `trace_id` are ours."""
    assert ask("/api/v1/spans", V1, JSON).status_code == 202
    ours = {"trace_id": SPAN["traceId"], "id": "1", "kind": "local", "service": "s", "name": "n", "start_us": NOW}
    ours["tags"] = {"traceId": "x"}
    assert ask("/api/v1/spans", zipkin(ours), JSON).json() == {"accepted": 1, "rejected": []}
    assert intake.rows()["foreign"] == [1, 0]
    refused = ask("/api/v1/spans", zipkin({"traceId": "x y", "id": "1", "binaryAnnotations": []}), JSON)
    assert refused.status_code == 400
    assert ask("/api/v1/spans", GOOD, JSON).status_code == 202


def test_rows_of_other_tracers_are_marked(ask: Any, intake: Memory) -> None:
    """T22: foreign rows are known as such in the store."""
    ask("/api/v2/spans", GOOD, JSON)
    ask("/v1/traces", otlp(OTLP_SPAN), JSON)
    columns = intake.rows()
    assert columns["foreign"] == [1, 1]
    assert columns["service"] == ["orders", "unknown"]


@pytest.mark.parametrize("failure", [IntakeFullError("full"), IntakeAwayError("away")])
def test_pressure_asks_senders_to_come_again(ask: Any, intake: Memory, failure: Exception) -> None:
    """C4: 429 or 503 with Retry-After, never 500."""
    intake.failure = failure
    status = 429 if isinstance(failure, IntakeFullError) else 503
    for path, body in (("/api/v2/spans", GOOD), ("/v1/traces", otlp(OTLP_SPAN)), ("/api/v1/spans", V1)):
        answer = ask(path, body, JSON)
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "5")


def protobuf(body: bytes) -> bytes:
    """The same request in protobuf."""
    request = ExportTraceServiceRequest()
    for span in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        made = request.resource_spans.add().scope_spans.add().spans.add()
        made.trace_id, made.span_id = bytes.fromhex(span["traceId"]), bytes.fromhex(span["spanId"])
    return bytes(request.SerializeToString())


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (otlp(OTLP_SPAN), JSON),
        (otlp(OTLP_SPAN), {"content-type": "application/json; charset=utf-8"}),
        (b"\n" + otlp(OTLP_SPAN), JSON),
        (protobuf(otlp(OTLP_SPAN)), PROTOBUF),
        (gzip.compress(protobuf(otlp(OTLP_SPAN))), PROTOBUF | GZIP),
        (gzip.compress(otlp(OTLP_SPAN)), JSON | GZIP),
    ],
)
def test_otlp_spans_are_taken(ask: Any, intake: Memory, body: bytes, headers: dict[str, str]) -> None:
    """C4: 200 in the request's encoding, and no partial success where all was taken."""
    answer = ask("/v1/traces", body, headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == headers["content-type"].partition(";")[0]
    assert answer.content == (b"" if "protobuf" in headers["content-type"] else b"{}")
    assert len(intake.rows()["id"]) == 1


@pytest.mark.parametrize(("body", "headers"), [(b"", JSON), (b"{}", JSON), (b"", PROTOBUF)])
def test_an_empty_otlp_request_is_success(ask: Any, body: bytes, headers: dict[str, str]) -> None:
    """C4: a request without spans is no error."""
    assert ask("/v1/traces", body, headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/traces", otlp(OTLP_SPAN).replace(b"scopeSpans", b"scope_spans"), JSON),
        ("/v1/traces", otlp(OTLP_SPAN).replace(b"resourceSpans", b"ResourceSpans"), JSON),
        ("/v1/traces", b'{"resourceSpans":[{"spans":[]}]}', JSON),
        ("/v1/traces", b'{"resourceLogs":[]}', JSON),
        ("/v1/traces", b'{"data":[{"traceID":"1"}]}', JSON),
        ("/v1/traces", b"\x12\x03abc", PROTOBUF),
        ("/api/v2/spans", b"\x12\x03abc", PROTOBUF),
        ("/api/v1/spans", b'{"spans":[]}', JSON),
    ],
)
def test_a_body_of_other_members_is_not_taken_for_an_empty_one(ask: Any, path: str, body: bytes, headers: Any) -> None:
    """N10: never 200 and nothing stored for the sake of names that the protocol does not have."""
    assert ask(path, body, headers).status_code == 400


def test_a_span_in_snake_case_rejects_itself(ask: Any, intake: Memory) -> None:
    """N10: a start under another name is not lost in silence; neighbours, keys and texts of that name are taken."""
    texts = [{"key": "trace_id", "value": {"stringValue": '{"span_id": 5}'}}]
    good = {**OTLP_SPAN, "spanId": "a" * 16, "attributes": texts}
    snake = {name: value for name, value in OTLP_SPAN.items() if name != "startTimeUnixNano"}
    told = ask("/v1/traces", otlp(good, {**snake, "start_time_unix_nano": "5"}), JSON).json()["partialSuccess"]
    assert told["rejectedSpans"] == "1"
    assert "startTimeUnixNano, not start_time_unix_nano" in told["errorMessage"]
    assert intake.rows()["id"] == [int("a" * 16, 16)]


def test_partial_success_tells_what_was_refused(ask: Any, intake: Memory) -> None:
    """C4, N10: the good spans are stored, the bad ones counted, each named with its place, and kept as dead letters."""
    body = otlp(OTLP_SPAN, {**OTLP_SPAN, "spanId": "00" * 8}, {**OTLP_SPAN, "traceId": "00" * 16})
    told = ask("/v1/traces", body, JSON).json()["partialSuccess"]
    assert told["rejectedSpans"] == "2"
    assert [part.split(": ")[:2] for part in told["errorMessage"].split("; ")] == [
        ["span 1", "bad_id"],
        ["span 2", "bad_trace_id"],
    ]
    answer = ExportTraceServiceResponse.FromString(ask("/v1/traces", protobuf(body), PROTOBUF).content)
    assert answer.partial_success.rejected_spans == 2
    messages = [Message(offset, *entry) for offset, entry in enumerate(intake.entries)]
    block = build_block(messages, Plan(0, len(messages), NOW))
    assert sorted(letter.reason for letter in block.dead) == ["bad_id", "bad_id", "bad_trace_id", "bad_trace_id"]
    assert {letter.format for letter in block.dead} == {"otlp"}
    assert block.counts.received == 6


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"garbage", JSON, 400, 3),
        (b"garbage", PROTOBUF, 400, 3),
        (otlp(OTLP_SPAN), PROTOBUF, 400, 3),
        (protobuf(otlp(OTLP_SPAN)), JSON, 400, 3),
        (otlp(OTLP_SPAN)[:-3], JSON, 400, 3),
        (otlp(OTLP_SPAN), JSON | GZIP, 400, 3),
        (otlp(OTLP_SPAN), JSON | {"content-encoding": "br"}, 415, 3),
        (otlp(OTLP_SPAN), {}, 415, 3),
        (otlp(OTLP_SPAN), {"content-type": "text/html"}, 415, 3),
        (b" " * (MOST + 1), JSON, 413, 8),
        (gzip.compress(b" " * 50_000_000), JSON | GZIP, 413, 8),
    ],
)
def test_otlp_errors_are_a_status_in_the_requests_encoding(
    ask: Any, body: bytes, headers: dict[str, str], status: int, code: int
) -> None:
    """C4: google.rpc.Status, with a code of its own list."""
    answer = ask("/v1/traces", body, headers)
    assert answer.status_code == status
    if headers.get("content-type") == "application/x-protobuf":
        told: ProtobufMessage = message_classes("test.rpc", "Status: int32 code=1; string message=2")["Status"]
        found = told.FromString(answer.content)
        assert (found.code, bool(found.message)) == (code, True)
    else:
        assert answer.json()["code"] == code
        assert answer.json()["message"]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "journal.sqlite")
    yield found
    found.close()


@pytest.mark.parametrize(("path", "body"), [("/api/v2/spans", GOOD), ("/v1/traces", otlp(OTLP_SPAN))])
def test_a_repeated_batch_is_answered_and_not_stored_again(journal: Journal, path: str, body: bytes) -> None:
    """C4: the same batch id within an hour stores nothing new and gets the same answer."""
    again = asker(JournalIntake(journal))
    headers = JSON | {"hopline-batch-id": "b-1"}
    first, second = again(path, body, headers), again(path, body, headers)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    journal.poll(0)
    (arrived,) = journal.poll(0)
    assert len(arrived.messages) == 1
    assert msgspec.msgpack.decode(arrived.messages[0].body)[1]["foreign"] == "1"


def test_the_first_row_tells_whose_rows_they_are() -> None:
    """C4: a tag or an attribute that is named like the other's key decides nothing."""
    assert is_zipkin(b'[{"traceId": "1", "id": "1", "tags": {"trace_id": "x", "\\"trace_id\\"": "y"}}]')
    assert not is_zipkin(b'[{"trace_id": "1", "tags": {"traceId": "x"}}]')
    assert not is_zipkin(b'{"rows": [{"traceId": "1"}]}')
    assert is_zipkin(b'[{"traceId": "1"}, nonsense')
