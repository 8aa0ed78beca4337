"""OTLP's formats: what a span means, in both encodings, and what odd input becomes."""

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hopline_collector.formats import Decoded, DecodeError, WireRow, otlp
from hopline_collector.formats.decoded import FLAG_ERROR

TRACE = "6921c0de0123456789abcdef01234567"
SPAN: dict[str, Any] = {
    "traceId": TRACE,
    "spanId": "00f067aa0ba902b7",
    "parentSpanId": "a3ce929d0e0e4736",
    "name": "GET /users/{id}",
    "kind": 2,
    "startTimeUnixNano": "1763800000123456789",
    "endTimeUnixNano": "1763800000171666789",
}
RESOURCE = {
    "service.name": "users",
    "service.version": "1.4.2",
    "service.instance.id": "h1:8012",
    "host.name": "h1",
    "deployment.environment.name": "prod",
    "cloud.availability_zone": "sh-1",
    "k8s.namespace.name": "shop",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.version": "1.45",
    "process.command": "python app.py",
}


def value(found: Any) -> dict[str, Any]:
    if isinstance(found, bool):
        return {"boolValue": found}
    if isinstance(found, int):
        return {"intValue": str(found)}
    if isinstance(found, float):
        return {"doubleValue": found}
    if isinstance(found, bytes):
        return {"bytesValue": base64.b64encode(found).decode()}
    if isinstance(found, list):
        return {"arrayValue": {"values": [value(item) for item in found]}}
    if isinstance(found, dict):
        return {"kvlistValue": {"values": attributes(found)}}
    return {"stringValue": found}


def attributes(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(item)} for key, item in found.items()]


def request(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    scope = {"scope": {"name": "fastapi", "version": "0.60"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": attributes(resource or RESOURCE)}, "scopeSpans": [scope]}]}


def as_json(found: dict[str, Any]) -> bytes:
    return json.dumps(found).encode()


def as_protobuf(found: dict[str, Any]) -> bytes:
    """The ids of OTLP/JSON are hex where protobuf's own JSON has base64."""
    body = json.loads(json.dumps(found))
    for resource_spans in body["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                for holder in (span, *span.get("links", ())):
                    for name in ("traceId", "spanId", "parentSpanId"):
                        if name in holder:
                            holder[name] = base64.b64encode(bytes.fromhex(holder[name])).decode()
    return ParseDict(body, ExportTraceServiceRequest()).SerializeToString()


@pytest.fixture(params=[as_json, as_protobuf], ids=["json", "protobuf"])
def decode(request: pytest.FixtureRequest) -> Any:
    encode = request.param

    def run(found: dict[str, Any]) -> Decoded:
        return otlp.decode(encode(found))

    return run


@pytest.fixture
def row(decode: Any) -> Any:
    def run(found: dict[str, Any] | None = None, **changes: Any) -> WireRow:
        span = {**SPAN, **changes}
        if found is not None:
            span["attributes"] = attributes(found)
        decoded = decode(request(span))
        assert decoded.refused == []
        return decoded.batches[0].rows[0]

    return run


def test_a_span_becomes_a_row(decode: Any) -> None:
    """C4: ids, times, names, scope and resource have their place in the model."""
    (batch,) = decode(request(SPAN)).batches
    (found,) = batch.rows
    assert batch.foreign
    assert batch.process == {
        "service": "users",
        "instance": "h1:8012",
        "host": "h1",
        "zone": "sh-1",
        "env": "prod",
        "version": "1.4.2",
        "library": "opentelemetry python 1.45",
        "foreign": "1",
    }
    assert found.trace_id.hex() == TRACE
    assert (found.span_id, found.id, found.parent_id) == ("", 0x00F067AA0BA902B7, 0xA3CE929D0E0E4736)
    assert (found.kind, found.name) == (2, "GET /users/{id}")
    assert (found.start_us, found.duration_us) == (1_763_800_000_123_456, 48_210)
    assert found.tags == {"otel.scope.name": "fastapi", "k8s.namespace.name": "shop"}
    told = json.loads(found.attrs.pop("otel.resource"))
    assert told["keys"][:2] == ["service.name", "service.version"]
    sdk = {"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "python", "telemetry.sdk.version": "1.45"}
    assert found.attrs == {"otel.scope.version": "0.60", "process.command": "python app.py"} | sdk


def test_kinds_and_unfinished_spans(row: Any) -> None:
    """C4: unspecified and unknown kinds are local; no end is unfinished."""
    assert [row(kind=kind).kind for kind in (0, 1, 2, 3, 4, 5)] == [0, 0, 2, 1, 3, 4]
    assert row(endTimeUnixNano="0").duration_us is None


def test_attributes_keep_their_values_as_text(row: Any) -> None:
    """C4: typed and nested attributes are text, lists and maps as JSON."""
    found = row(
        {"s": "x", "b": True, "i": -(2**60), "d": 1.5, "y": b"\x01\x02", "l": ["a", 1, {"k": []}], "e": "", "m": {}}
    )
    tags = {key: item for key, item in found.tags.items() if len(key) == 1}
    assert tags == {
        "s": "x",
        "b": "true",
        "i": "-1152921504606846976",
        "d": "1.5",
        "y": "AQI=",
        "e": "",
        "m": "{}",
        "l": '["a",1,{"k":[]}]',
    }


def test_attributes_of_high_entropy_stay_out_of_the_index(row: Any) -> None:
    """M: urls and query texts are attrs, searched by scan."""
    found = row({"url.path": "/users/7", "http.route": "/users/{id}"})
    assert found.attrs["url.path"] == "/users/7"
    assert found.tags["http.route"] == "/users/{id}"


@pytest.mark.parametrize(
    ("kind", "found", "expected"),
    [
        (3, {"peer.service": "users", "server.address": "h2"}, ("users", "service")),
        (3, {"server.address": "h2", "server.port": 80}, ("h2:80", "")),
        (3, {"net.peer.name": "h2", "net.peer.port": 80}, ("h2:80", "")),
        (3, {"http.host": "h2:80"}, ("h2:80", "")),
        (3, {"db.system.name": "postgresql", "db.namespace": "shop", "server.address": "pg"}, ("shop", "db")),
        (3, {"db.system": "mysql", "db.name": "shop"}, ("shop", "db")),
        (3, {"db.system": "sqlite"}, ("sqlite", "db")),
        (3, {"db.system": "redis", "server.address": "cache", "server.port": 6379}, ("cache:6379", "cache")),
        (4, {"messaging.system": "kafka", "messaging.destination.name": "mails"}, ("mails", "mq")),
        (5, {"messaging.system": "kafka", "messaging.destination": "mails"}, ("mails", "mq")),
        (3, {"messaging.system": "kafka", "messaging.destination.name": "mails"}, ("mails", "mq")),
        (2, {"server.address": "h2"}, ("", "")),
        (3, {}, ("", "")),
    ],
)
def test_the_far_end_is_known_by_old_and_new_names(row: Any, kind: int, found: Any, expected: tuple[str, str]) -> None:
    """D1: semantic conventions of both generations name the peer."""
    made = row(found, kind=kind)
    assert (made.peer, made.peer_kind) == expected


@pytest.mark.parametrize("key", ["user.id", "enduser.id"])
def test_the_user_is_known(row: Any, key: str) -> None:
    """Q3: a uid may come under either name."""
    assert row({key: "u-1"}).uid == "u-1"


EXCEPTION = {
    "timeUnixNano": "1763800000123999000",
    "name": "exception",
    "attributes": attributes({"exception.type": "Timeout", "exception.message": "no answer"}),
}


def test_status_decides_about_failure(row: Any) -> None:
    """M: a failure has type and text; the exception tells what the span does not."""
    failed = row(status={"code": 2, "message": "payments down"}, events=[EXCEPTION])
    assert failed.flags & FLAG_ERROR
    assert (failed.error_type, failed.error_text) == ("Timeout", "payments down")
    assert row({"error.type": "500"}, status={"code": 2}).error_type == "500"
    assert row({"http.status_code": 504}, status={"code": 2}).error_type == "504"
    assert not row(events=[EXCEPTION]).flags & FLAG_ERROR


@pytest.mark.parametrize(
    ("kind", "status", "code", "failed"),
    [
        (2, 404, 0, False),
        (2, 500, 0, True),
        (3, 404, 0, True),
        (3, 200, 0, False),
        (3, 500, 1, False),
        (1, 500, 0, False),
    ],
)
def test_http_status_decides_where_the_span_does_not(row: Any, kind: int, status: int, code: int, failed: bool) -> None:
    """M: 5xx fails a server row, 4xx and 5xx a client row, unless the status says ok."""
    found = row({"http.response.status_code": status}, kind=kind, status={"code": code})
    assert bool(found.flags & FLAG_ERROR) is failed


def test_events_become_annotations(row: Any) -> None:
    """C4: attributes of events are kept."""
    plain = {"timeUnixNano": "1000", "name": "cache", "attributes": attributes({"hit": False, "n": 2})}
    assert row(events=[plain, EXCEPTION]).annotations == [
        (1, "cache", '{"hit":false,"n":2}'),
        (1_763_800_000_123_999, "exception", "Timeout: no answer"),
    ]


def test_links_are_kept(row: Any) -> None:
    """C4: the other end is named by trace and id."""
    other = {"traceId": "01" * 16, "spanId": "02" * 8}
    assert row(links=[other]).links == [(b"\x01" * 16, 0x0202020202020202, 0)]


def test_what_a_link_says_is_kept(row: Any) -> None:
    """C4: attributes, trace state and dropped count of a link stand in an attr under its place."""
    plain = {"traceId": "01" * 16, "spanId": "02" * 8}
    said = {
        "attributes": attributes({"reason": "batch", "n": 2}),
        "traceState": "congo=t61",
        "droppedAttributesCount": 4,
    }
    found = row(links=[plain, {**plain, **said}])
    assert len(found.links) == 2
    assert [key for key in found.attrs if key.startswith("otel.link")] == ["otel.link.1"]
    kept = {"attributes": {"reason": "batch", "n": 2}, "trace_state": "congo=t61", "dropped_attributes_count": 4}
    assert json.loads(found.attrs["otel.link.1"]) == kept


def test_what_scope_and_resource_say_is_kept(decode: Any) -> None:
    """C4: attributes of a scope, schema addresses and dropped counts go to every row, and never win."""
    body = request({**SPAN, "attributes": attributes({"otel.scope.team": "mine"})})
    (resource_spans,) = body["resourceSpans"]
    resource_spans["schemaUrl"] = "https://opentelemetry.io/schemas/1.30.0"
    resource_spans["resource"]["droppedAttributesCount"] = 1
    scope_spans = resource_spans["scopeSpans"][0]
    scope_spans["schemaUrl"] = "https://opentelemetry.io/schemas/1.29.0"
    scope_spans["scope"] |= {"attributes": attributes({"team": "web", "n": 1}), "droppedAttributesCount": 2}
    (found,) = decode(body).batches[0].rows
    assert {key: value for key, value in found.attrs.items() if not key.startswith("telemetry.")} == {
        "process.command": "python app.py",
        "otel.resource": found.attrs["otel.resource"],
        "otel.scope.types": '{"n":"int"}',
        "otel.resource.schema_url": "https://opentelemetry.io/schemas/1.30.0",
        "otel.resource.dropped_attributes_count": "1",
        "otel.scope.version": "0.60",
        "otel.scope.team": "web",
        "otel.scope.n": "1",
        "otel.scope.schema_url": "https://opentelemetry.io/schemas/1.29.0",
        "otel.scope.dropped_attributes_count": "2",
    }
    assert found.tags["otel.scope.team"] == "mine"


def test_what_other_vendors_say_in_trace_state_is_kept(row: Any) -> None:
    """P1: their members in their order; ours became fields of the row."""
    assert row(traceState=f"congo=t61,{HOP},rojo=00f0").attrs["w3c.tracestate"] == "congo=t61,rojo=00f0"
    assert "w3c.tracestate" not in row(traceState=HOP).attrs


def test_an_explicit_ok_is_told_from_unset(row: Any) -> None:
    """C4: OK is what a person decided, unset is not."""
    assert row(status={"code": 1}).attrs["otel.status_code"] == "OK"
    assert "otel.status_code" not in row(status={"code": 0}).attrs


def test_numbers_that_are_none_are_spelled_alike(row: Any) -> None:
    """C4: doubles without a value, alone and in a list, as protobuf's JSON spells them in either encoding."""
    names = ("NaN", "Infinity", "-Infinity")
    numbers = [{"doubleValue": name} for name in names]
    nested = [{"key": "l", "value": {"arrayValue": {"values": numbers}}}]
    found = row(attributes=[{"key": name, "value": {"doubleValue": name}} for name in names] + nested)
    assert {key: found.tags[key] for key in names} == {key: key for key in names}
    assert found.tags["l"] == '["NaN","Infinity","-Infinity"]'


def test_events_say_what_they_dropped(row: Any) -> None:
    """C4: dropped counts of events."""
    event = {"timeUnixNano": "1000", "name": "cache", "attributes": attributes({"n": 2}), "droppedAttributesCount": 3}
    assert row(events=[event]).annotations == [(1, "cache", '{"n":2,"dropped_attributes_count":"3"}')]


def test_values_that_seldom_repeat_are_read_as_well(decode: Any) -> None:
    """C4: short and long, empty, typed and non-ASCII values of one key, more than are remembered."""
    values = [*(f"u-{number}" for number in range(5_000)), "", 7, "x" * 126, "y" * 5_000, "é" * 40, ["a"]]
    spans = [{**SPAN, "attributes": attributes({"key": item, "ключ": item})} for item in values]
    rows = decode(request(*spans, *spans)).batches[0].rows
    texts = [*values[:5_001], "7", *values[5_002:5_005], '["a"]']
    assert [row.tags["key"] for row in rows] == texts * 2
    assert [row.tags["ключ"] for row in rows] == texts * 2


def test_what_the_sender_left_out_is_said(row: Any) -> None:
    """C4: dropped counts are kept where they are not zero."""
    found = row(droppedAttributesCount=3)
    assert found.attrs["otel.dropped_attributes_count"] == "3"
    assert "otel.dropped_events_count" not in found.attrs


HOP = "hop=a3ce929d0e0e4736;0.1.2;2000;gateway;sh-1;h0:1;POST%20/checkout"


def test_debug_travels_with_the_trace(row: Any) -> None:
    """I7: a forced trace stays forced through services of OpenTelemetry, adopted path or not."""
    for kind in (1, 2):
        assert row(kind=kind, traceState=f"{HOP};d").flags == 3
        assert row(kind=kind, traceState=HOP).flags == 1


@pytest.mark.parametrize("kind", [2, 5])
def test_an_entry_span_adopts_the_path_that_came_in(row: Any, kind: int) -> None:
    """M10: an OTel SERVER or CONSUMER span with a remote parent takes path and caller from `hop`."""
    found = row(kind=kind, traceState=f"congo=t61, {HOP}")
    assert found.span_id == "0.1.2"
    assert found.caller == ["gateway", "h0:1", "sh-1", "POST /checkout"]
    assert found.weight == 2_000


@pytest.mark.parametrize(
    ("kind", "state"),
    [(1, HOP), (3, HOP), (2, HOP.replace("a3ce", "ffff")), (2, "hop=rubbish"), (2, "shop=1"), (2, "hop=")],
)
def test_stale_and_broken_path_facts_count_for_nothing(row: Any, kind: int, state: str) -> None:
    """M10: only the row that `hop` was written for takes its path."""
    found = row(kind=kind, traceState=state)
    assert (found.span_id, found.caller) == ("", None)


def test_our_sampler_gives_spans_their_paths(row: Any) -> None:
    """I11: the attribute of the path sampler is the span's own path."""
    found = row({"hopline.span_id": "0.2.1"})
    assert found.span_id == "0.2.1"
    assert "hopline.span_id" not in found.tags


@pytest.mark.parametrize(
    ("state", "weight"), [("ot=th:8", 2_000), ("ot=rv:1;th:c", 4_000), ("ot=th:x", 1_000), ("a=1", 1_000)]
)
def test_weight_comes_from_consistent_sampling(row: Any, state: str, weight: int) -> None:
    """P5: the threshold of OpenTelemetry's sampling tells the rate."""
    assert row(traceState=state).weight == weight


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"traceId": "00" * 16}, "bad_trace_id"),
        ({"traceId": "01" * 8}, "bad_trace_id"),
        ({"traceId": ""}, "bad_trace_id"),
        ({"spanId": "00" * 8}, "bad_id"),
        ({"spanId": "01" * 4}, "bad_id"),
    ],
)
def test_a_bad_span_is_refused_alone(decode: Any, change: dict[str, Any], reason: str) -> None:
    """C3: its neighbours are kept, and what is set aside can be sent again as it is."""
    decoded = decode(request(SPAN, {**SPAN, **change}, SPAN))
    (bad,) = decoded.refused
    assert (bad.index, bad.reason) == (1, reason)
    assert decoded.batches[0].indexes == [0, 2]
    assert [again.reason for again in otlp.decode(bad.raw).refused] == [reason]


@pytest.mark.parametrize(
    "change",
    [
        {"traceId": "xy" * 16},
        {"traceId": " 1" * 16},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": 1.5},
        {"startTimeUnixNano": "9" * 4_300},
        {"kind": "SPAN_KIND_NEW"},
        {"attributes": "none"},
    ],
)
def test_json_that_is_no_span_is_refused_alone(change: dict[str, Any]) -> None:
    """C3: types and ids are checked span by span."""
    decoded = otlp.decode(as_json(request(SPAN, {**SPAN, **change})))
    assert [bad.index for bad in decoded.refused] == [1]
    assert len(decoded.batches[0].rows) == 1


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        ({"traceId": TRACE.upper()}, "trace_id", bytes.fromhex(TRACE)),
        ({"kind": "SPAN_KIND_CLIENT"}, "kind", 1),
        ({"startTimeUnixNano": 1_763_800_000_123_456_789}, "start_us", 1_763_800_000_123_456),
        ({"unknown": {"deep": [1]}}, "kind", 2),
        ({"name": None}, "name", ""),
        ({"status": None}, "flags", 1),
    ],
)
def test_json_is_read_generously(change: dict[str, Any], name: str, expected: Any) -> None:
    """C4: either case of hex, numbers as text or not, unknown members ignored."""
    assert getattr(otlp.decode(as_json(request({**SPAN, **change}))).batches[0].rows[0], name) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}x",
        b'{"resourceSpans": 5}',
        b"\x0a\xff",
        b"\xff" * 20,
        b"[]",
        b'{"a":' * 5_000,
        b'{"resourceSpans":[NaN]}',
    ],
)
def test_what_is_no_request_is_malformed(body: bytes) -> None:
    """R2: any bytes end in rows, refused spans or one reason."""
    with pytest.raises(DecodeError) as caught:
        otlp.decode(body)
    assert caught.value.reason == "malformed"


def test_an_empty_request_is_no_error() -> None:
    """C4: nothing to store is success."""
    for body in (b"", b"{}", b'{"resourceSpans": []}', b'{"resourceSpans": [{}]}'):
        assert otlp.decode(body) == Decoded()


def test_text_that_is_no_unicode_is_mended_in_json_and_refused_in_protobuf() -> None:
    """C5: protobuf's own rule makes such text no message; an attribute sinks only its span."""
    body = as_json(request({**SPAN, "name": "MARK"})).replace(b"MARK", b"a\xffb")
    assert otlp.decode(body).batches[0].rows[0].name == "a\ufffdb"
    spans = [{**SPAN, "attributes": attributes({"k": "MARK"})}, SPAN]
    decoded = otlp.decode(as_protobuf(request(*spans)).replace(b"MARK", b"a\xffbc"))
    assert [(bad.index, bad.reason) for bad in decoded.refused] == [(0, "malformed_attribute")]
    assert decoded.batches[0].indexes == [1]


def test_instance_comes_from_what_the_resource_tells() -> None:
    """M: host and process stand in where there is no instance id."""
    for resource, instance in (
        ({"host.name": "h1", "process.pid": 7}, "h1:7"),
        ({"host.name": "h1"}, "h1"),
        ({"k8s.pod.name": "users-1", "host.name": "h1"}, "users-1"),
        ({}, ""),
    ):
        (batch,) = otlp.decode(as_json(request(SPAN, resource={"service.name": "s", **resource}))).batches
        assert batch.process["instance"] == instance


def test_the_old_name_of_a_scope_is_understood() -> None:
    """N10: `instrumentationLibrarySpans` holds spans too."""
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "load", "startTimeUnixNano": "1000", "endTimeUnixNano": 0}
    library = {"instrumentationLibrary": {"name": "x"}, "spans": [span]}
    body = json.dumps({"resourceSpans": [{"instrumentationLibrarySpans": [library]}]}).encode()
    (row,) = otlp.decode(body).batches[0].rows
    assert (row.name, row.tags) == ("load", {"otel.scope.name": "x"})


def test_names_with_underscores_are_refused_aloud() -> None:
    """N10: never accepted with nothing stored."""
    with pytest.raises(DecodeError, match="resourceSpans, not resource_spans"):
        otlp.decode(b'{"resource_spans": [{"scope_spans": []}]}')
