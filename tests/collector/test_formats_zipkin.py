"""Zipkin's formats: what a span means, and what odd input becomes."""

import json
from typing import Any

import pytest

from hopline_collector.formats import DecodeError, WireRow, zipkin, zipkin_json
from hopline_collector.formats.decoded import FLAG_ERROR
from hopline_collector.formats.zipkin_protobuf import _List

TRACE = "6921c0de0123456789abcdef01234567"
SPAN: dict[str, Any] = {
    "traceId": TRACE,
    "id": "00f067aa0ba902b7",
    "parentId": "a3ce929d0e0e4736",
    "kind": "CLIENT",
    "name": "get /users",
    "timestamp": 1_763_800_000_123_456,
    "duration": 48_210,
    "localEndpoint": {"serviceName": "orders", "ipv4": "10.0.0.1", "port": 8080},
    "remoteEndpoint": {"serviceName": "users", "ipv4": "10.0.0.2", "port": 9000},
    "annotations": [{"timestamp": 1_763_800_000_123_999, "value": "cache miss"}],
    "tags": {"http.method": "GET", "http.path": "/users/7", "user.id": "u-1"},
}


def rows(*spans: Any) -> list[WireRow]:
    decoded = zipkin.decode(json.dumps(list(spans)).encode())
    assert decoded.refused == []
    return [row for batch in decoded.batches for row in batch.rows]


def row(**changes: Any) -> WireRow:
    (found,) = rows({**SPAN, **changes})
    return found


def test_a_span_becomes_a_row() -> None:
    """C4: every member of a v2 span has its place in the model."""
    (batch,) = zipkin.decode(json.dumps([SPAN]).encode()).batches
    (found,) = batch.rows
    assert batch.foreign
    assert batch.process == {"service": "orders", "instance": "10.0.0.1:8080", "host": "10.0.0.1", "foreign": "1"}
    assert found.trace_id.hex() == TRACE
    assert (found.id, found.parent_id) == (0x00F067AA0BA902B7, 0xA3CE929D0E0E4736)
    assert (found.kind, found.name) == (1, "get /users")
    assert (found.start_us, found.duration_us) == (1_763_800_000_123_456, 48_210)
    assert (found.peer, found.peer_kind, found.uid) == ("users", "service", "u-1")
    assert found.annotations == [(1_763_800_000_123_999, "cache miss", "")]
    assert found.tags == {"http.method": "GET", "http.path": "/users/7", "user.id": "u-1"}
    assert found.attrs == {"network.peer.address": "10.0.0.2", "network.peer.port": "9000"}


def test_protobuf_says_the_same_as_json() -> None:
    """C4: ListOfSpans under the published field numbers."""
    span = {
        "trace_id": bytes.fromhex(TRACE),
        "id": bytes.fromhex(SPAN["id"]),
        "parent_id": bytes.fromhex(SPAN["parentId"]),
        "kind": 1,
        "name": SPAN["name"],
        "timestamp": SPAN["timestamp"],
        "duration": SPAN["duration"],
        "local_endpoint": b"\x0a\x06orders\x12\x04\x0a\x00\x00\x01\x20\x90\x3f",
        "remote_endpoint": b"\x0a\x05users\x12\x04\x0a\x00\x00\x02\x20\xa8\x46",
        "annotations": [{"timestamp": 1_763_800_000_123_999, "value": "cache miss"}],
        "tags": [{"key": key, "value": value} for key, value in SPAN["tags"].items()],
    }
    body = _List(spans=[span]).SerializeToString()
    assert zipkin.decode(body).batches == zipkin.decode(json.dumps([SPAN]).encode()).batches


def test_kinds_keep_their_meaning() -> None:
    """C4: five kinds; none given is local."""
    kinds = {"CLIENT": 1, "SERVER": 2, "PRODUCER": 3, "CONSUMER": 4, None: 0}
    assert [row(kind=kind).kind for kind in kinds] == list(kinds.values())


def test_a_shared_server_span_keeps_its_clients_id() -> None:
    """M: the identity of a row is (id, kind), so the two halves stay two rows."""
    client, server = rows(SPAN, {**SPAN, "kind": "SERVER", "shared": True, "localEndpoint": {"serviceName": "users"}})
    assert client.id == server.id
    assert (client.kind, server.kind) == (1, 2)
    assert server.attrs == {"client.address": "10.0.0.2", "client.port": "9000", "zipkin.shared": "true"}


def test_a_server_span_names_its_caller() -> None:
    """T3: the remote endpoint of a server span is its caller."""
    assert row(kind="SERVER").caller == ["users", "", "", ""]


@pytest.mark.parametrize(
    ("remote", "tags", "expected"),
    [
        ("mysql", {}, ("mysql", "db")),
        ("redis", {}, ("redis", "cache")),
        ("shopdb", {"sql.query": "select 1"}, ("shopdb", "db")),
        ("kafka", {}, ("kafka", "mq")),
        ("users", {}, ("users", "service")),
        ("", {}, ("", "")),
    ],
)
def test_the_far_end_has_a_kind(remote: str, tags: dict[str, str], expected: tuple[str, str]) -> None:
    """D1: the map shows databases, caches and queues as what they are."""
    found = row(remoteEndpoint={"serviceName": remote}, tags=tags)
    assert (found.peer, found.peer_kind) == expected


def test_messages_name_their_topic() -> None:
    """D1: producer and consumer rows meet at the topic."""
    for kind in ("PRODUCER", "CONSUMER"):
        found = row(kind=kind, remoteEndpoint={"serviceName": "kafka"}, tags={"kafka.topic": "mails"})
        assert (found.peer, found.peer_kind) == ("mails", "mq")


def test_the_error_tag_is_the_failure() -> None:
    """C4, C5: the tag means failed, unless it says false; else the status tells, as OpenTelemetry reads it."""
    failed = row(tags={"error": "Timeout: payments did not answer"})
    assert failed.flags & FLAG_ERROR
    assert (failed.error_type, failed.error_text) == ("Timeout", "Timeout: payments did not answer")
    marked = row(tags={"error": "true", "http.status_code": "503"})
    assert (marked.error_type, marked.error_text) == ("503", "")
    assert row(tags={"http.status_code": "503"}).flags & FLAG_ERROR
    assert row(kind="SERVER", tags={"http.status_code": "503"}).flags & FLAG_ERROR
    assert not row(kind="SERVER", tags={"http.status_code": "404"}).flags & FLAG_ERROR
    assert not row(tags={"error": "false", "http.status_code": "200"}).flags & FLAG_ERROR


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("deadbeef", "deadbeef".rjust(32, "0")),
        ("000000000000000000000000deadbeef", "deadbeef".rjust(32, "0")),
        ("6921c0de01234567", "6921c0de01234567".rjust(32, "0")),
        ("16921c0de01234567", "16921c0de01234567".rjust(32, "0")),
        (TRACE.upper(), TRACE),
    ],
)
def test_trace_ids_are_padded_on_the_left(given: str, stored: str) -> None:
    """M8: 1 to 32 hex digits; 64-bit ids are found by both spellings."""
    assert row(traceId=given).trace_id.hex() == stored


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        ({"traceId": 6921}, "trace_id", b"\0" * 14 + b"\x69\x21"),
        ({"parentId": "0000000000000000"}, "parent_id", 0),
        ({"parentId": None}, "parent_id", 0),
        ({"parentId": SPAN["id"]}, "parent_id", 0),
        ({"timestamp": "5"}, "start_us", 5),
        ({"duration": -1}, "duration_us", -1),
        ({"duration": 0}, "duration_us", None),
        ({"duration": None}, "duration_us", None),
        ({"timestamp": -5, "annotations": []}, "start_us", 0),
        ({"timestamp": 2**63, "annotations": []}, "start_us", 0),
        ({"timestamp": 10**30, "annotations": []}, "start_us", 0),
        ({"timestamp": None}, "start_us", 0),
        ({"tags": {"a": "b", "c": None}}, "tags", {"a": "b", "hopline.cut": "null_tag"}),
        ({"timestamp": 1.7638e15}, "start_us", 1_763_800_000_000_000),
        ({"tags": {"n": 5, "ok": True}}, "tags", {"n": "5", "ok": "true"}),
        ({"remoteEndpoint": {"ipv4": "300.1.1.1", "port": -1}}, "attrs", None),
        ({"unknown": [[{}]]}, "attrs", {"network.peer.address": "10.0.0.2", "network.peer.port": "9000"}),
        ({"debug": True}, "flags", 3),
        ({"name": None}, "name", ""),
    ],
)
def test_odd_values_are_taken_as_zipkin_takes_them(change: dict[str, Any], name: str, value: Any) -> None:
    """C4: numbers for texts, texts for numbers, times that are none."""
    assert getattr(row(**change), name) == value


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"traceId": None}, "Missing : traceId reading List<Span> from json"),
        ({"id": None, "traceId": None}, "Missing : traceId id"),
        ({"traceId": "xyz"}, "xyz should be lower-hex encoded with no prefix"),
        ({"traceId": "0x" + "1" * 14}, "should be lower-hex encoded with no prefix"),
        ({"traceId": " " * 4 + "1" * 12}, "should be lower-hex encoded with no prefix"),
        ({"traceId": "1" * 33}, "traceId.length > 32"),
        ({"traceId": "0" * 32}, "traceId is all zeros"),
        ({"traceId": ""}, "traceId is empty"),
        ({"id": "1" * 17}, "id.length > 16"),
        ({"id": "0" * 16}, "id is all zeros"),
        ({"timestamp": 5.5}, "Expected a long but was 5.5"),
        ({"timestamp": "five"}, "invalid literal"),
        ({"kind": "client"}, "'client' is no span kind"),
        ({"tags": {"a": {}}}, "tag 'a' is neither text nor number"),
        ({"tags": []}, "at $[1]"),
        ({"localEndpoint": {"port": 70_000}}, "invalid port 70000"),
    ],
)
def test_a_bad_span_is_refused_alone_and_with_its_place(change: dict[str, Any], detail: str) -> None:
    """C3: the neighbours of a bad span are kept; the text says what and where."""
    body = json.dumps([SPAN, {**SPAN, **change}, SPAN]).encode()
    decoded = zipkin.decode(body)
    (bad,) = decoded.refused
    assert bad.index == 1
    assert detail in bad.detail
    assert "$[1]" in bad.detail
    assert [batch.indexes for batch in decoded.batches] == [[0, 2]]
    with pytest.raises(AssertionError):
        rows(json.loads(bad.raw)[0])


@pytest.mark.parametrize(
    "body", [b"[", b'[{"traceId":', b"[null]x", b"[1,2", b"[NaN]", b"[" * 10_000, b'[{"tags":' * 5_000, b"[]x"]
)
def test_what_is_no_list_is_malformed_with_position(body: bytes) -> None:
    """C4: broken JSON and garbage behind the list are refused."""
    with pytest.raises(DecodeError) as caught:
        zipkin.decode(body)
    assert caught.value.detail.startswith("Malformed reading List<Span> from json")


def test_values_that_are_no_spans_are_refused() -> None:
    """C3: a null or a number in the list is refused in its place."""
    decoded = zipkin.decode(b"[null, 1]")
    assert [bad.index for bad in decoded.refused] == [0, 1]


def test_text_that_is_no_unicode_is_mended() -> None:
    """C5: invalid UTF-8 in a name is stored with replacement characters."""
    body = json.dumps([{**SPAN, "name": "MARK"}]).encode().replace(b"MARK", b"a\xffb")
    assert zipkin.decode(body).batches[0].rows[0].name == "a\ufffdb"


def test_leading_space_does_not_hide_json() -> None:
    """C4: a line feed begins JSON as well as a protobuf list."""
    body = b"\n \t" + json.dumps([SPAN]).encode()
    assert zipkin.decode(body).batches == zipkin.decode(body.strip()).batches


def test_a_long_annotation_stays_whole() -> None:
    """C5: keys are short, so long text becomes the value."""
    found = row(annotations=[{"timestamp": 1, "value": "é" * 100}])
    assert found.annotations == [(1, "message", "é" * 100)]


ENDPOINT = {"serviceName": "orders", "ipv4": "10.0.0.1", "port": 8080}
V1: dict[str, Any] = {
    "traceId": "6921c0de01234567",
    "id": "00f067aa0ba902b7",
    "name": "get",
    "timestamp": 1_000_000,
    "duration": 500,
    "annotations": [
        {"timestamp": 1_000_000, "value": "cs", "endpoint": ENDPOINT},
        {"timestamp": 1_000_500, "value": "cr", "endpoint": ENDPOINT},
        {"timestamp": 1_000_200, "value": "half way", "endpoint": ENDPOINT},
    ],
    "binaryAnnotations": [
        {"key": "http.path", "value": "/x", "endpoint": ENDPOINT},
        {"key": "sa", "value": True, "endpoint": {"serviceName": "users"}},
    ],
}


def test_v1_annotations_tell_kind_times_and_far_end() -> None:
    """C4: cs and cr make a client span, sa names its server."""
    (found,) = rows(V1)
    assert (found.kind, found.start_us, found.duration_us) == (1, 1_000_000, 500)
    assert (found.peer, found.tags) == ("users", {"http.path": "/x"})
    assert found.annotations == [(1_000_200, "half way", "")]


def test_a_v1_span_of_both_sides_becomes_two_rows() -> None:
    """C4: one v1 span may hold the whole call."""
    server = {"serviceName": "users", "ipv4": "10.0.0.2", "port": 1}
    both = {
        **V1,
        "annotations": [
            *V1["annotations"],
            {"timestamp": 1_000_100, "value": "sr", "endpoint": server},
            {"timestamp": 1_000_400, "value": "ss", "endpoint": server},
        ],
    }
    decoded = zipkin.decode(json.dumps([both]).encode())
    found = {batch.process["service"]: batch.rows[0] for batch in decoded.batches}
    assert (found["orders"].kind, found["orders"].duration_us, found["orders"].tags) == (1, 500, {"http.path": "/x"})
    assert (found["users"].kind, found["users"].start_us, found["users"].duration_us) == (2, 1_000_100, 300)
    assert found["users"].attrs == {"zipkin.shared": "true"}
    assert found["users"].id == found["orders"].id


def test_v1_and_v2_are_told_apart() -> None:
    """C4: only v1 says where each annotation was made."""
    assert zipkin.is_v1(json.dumps([V1]).encode())
    assert zipkin.is_v1(json.dumps([{**V1, "binaryAnnotations": []}]).encode())
    assert not zipkin.is_v1(json.dumps([SPAN]).encode())


def test_a_protobuf_span_without_ids_is_refused_alone() -> None:
    """C3: the same in protobuf."""
    good = {"trace_id": b"\x01", "id": b"\x02"}
    spans = [good, {"name": "x"}, {"trace_id": b"\0" * 16, "id": b"\1"}]
    decoded = zipkin.decode(_List(spans=spans).SerializeToString())
    assert [batch.indexes for batch in decoded.batches] == [[0]]
    assert decoded.refused[0].detail == "Missing : traceId id reading List<Span> from proto3, at [1]"
    assert len(zipkin.decode(decoded.refused[1].raw).refused) == 1


def test_bytes_that_are_no_list_are_malformed() -> None:
    """R2: garbage has one reason."""
    with pytest.raises(DecodeError, match="Expected a PROTO3 encoded list"):
        zipkin.decode(b"\x08\xff\xff")


def test_a_large_trace_in_one_body_takes_linear_time() -> None:
    """W1: 20,000 spans of one trace are rows like any others."""
    many = [{**SPAN, "id": f"{number:016x}"} for number in range(1, 20_001)]
    assert sum(len(batch.rows) for batch in zipkin_json.decode(json.dumps(many).encode()).batches) == 20_000
