"""Where fuzzing begins: the golden messages, and one body of every shape that a format knows."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hopline_collector.formats.zipkin_protobuf import _List
from support.wire_rows import NOW, PROCESS, wire_message, wire_row

GOLDEN = Path(__file__).parents[1] / "contract" / "golden"
TRACE, SPAN, PARENT = "6921c0de0123456789abcdef01234567", "00f067aa0ba902b7", "a3ce929d0e0e4736"

# fmt: off
ROW: dict[str, Any] = {
    "trace_id": TRACE, "span_id": "0.1", "id": SPAN, "parent_id": PARENT, "kind": "server", "service": "orders",
    "name": "POST /orders", "instance": "h1:8012", "zone": "sh-1", "start_us": NOW, "duration_us": 48_210,
    "error": True, "error_type": "Timeout", "caller_service": "gateway", "uid": "u-4711",
    "annotations": [[NOW, "cache", "miss"]], "tags": {"http.response.status_code": "504"}, "attrs": {"u": "v"},
    "links": [[TRACE, SPAN, "producer"]], "children": 3, "weight": 1_000, "attempt": 0,
    "flags": {"sampled": True, "debug": False, "load_test": False},
}
REPORT = {"at_us": NOW, "recorded": 7, "sent": 4, "dropped": {"queue_full": 2}, "depth": 1}
ZIPKIN: dict[str, Any] = {
    "traceId": TRACE, "id": SPAN, "parentId": PARENT, "kind": "CLIENT", "name": "get", "timestamp": NOW,
    "duration": 5, "debug": True, "shared": False, "tags": {"a": "b", "error": "", "http.status_code": "500"},
    "localEndpoint": {"serviceName": "orders", "ipv4": "10.0.0.1", "ipv6": "::1", "port": 80},
    "remoteEndpoint": {"serviceName": "mysql", "port": 3_306},
    "annotations": [{"timestamp": NOW, "value": "x"}],
}
V1: dict[str, Any] = {
    "traceId": SPAN, "id": SPAN, "name": "get", "timestamp": NOW, "duration": 7,
    "annotations": [
        {"timestamp": NOW, "value": value, "endpoint": {"serviceName": "a", "ipv4": "1.2.3.4", "port": 1}}
        for value in ("cs", "sr", "ss", "cr")
    ],
    "binaryAnnotations": [
        {"key": "sa", "value": True, "endpoint": {"serviceName": "db"}},
        {"key": "error", "value": "x", "endpoint": {"serviceName": "a"}},
    ],
}
OTLP: dict[str, Any] = {
    "traceId": TRACE, "spanId": SPAN, "parentSpanId": PARENT, "kind": 3, "name": "GET", "flags": 1,
    "startTimeUnixNano": str(NOW * 1_000), "endTimeUnixNano": str(NOW * 1_000 + 5_000),
    "attributes": [
        {"key": "a", "value": {"arrayValue": {"values": [{"intValue": "5"}, {"doubleValue": 0.5}]}}},
        {"key": "m", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"bytesValue": "AA=="}}]}}},
        {"key": "server.address", "value": {"stringValue": "db"}},
        {"key": "http.response.status_code", "value": {"intValue": "500"}},
    ],
    "events": [{"timeUnixNano": "5", "name": "exception", "attributes": [{"key": "a", "value": {"boolValue": True}}]}],
    "links": [{"traceId": TRACE, "spanId": SPAN, "attributes": []}],
    "status": {"code": 2, "message": "m"},
    "traceState": "hop=00f067aa0ba902b7;0.1;;a,ot=th:8",
}
# fmt: on
SERVICE = {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]}


def native_msgpack() -> list[bytes]:
    """Wire messages, and rows as objects."""
    return [
        (GOLDEN / "wire_v1.msgpack").read_bytes(),
        wire_message(wire_row(1), wire_row(2, duration_us=None)),
        msgspec.msgpack.encode([2, PROCESS, []]),
        msgspec.msgpack.encode({"rows": [ROW], "process": PROCESS, "report": REPORT}),
    ]


def native_json() -> list[bytes]:
    """Rows as objects."""
    return [
        msgspec.json.encode([ROW, {**ROW, "id": None, "trace_id": "an.opaque-id"}]),
        msgspec.json.encode({"rows": [ROW], "process": PROCESS, "report": REPORT}),
    ]


def zipkin_json() -> list[bytes]:
    """Lists of v2 spans."""
    shared = {**ZIPKIN, "kind": "SERVER", "shared": True}
    return [json.dumps([ZIPKIN, shared]).encode(), json.dumps([{"traceId": "1", "id": "2"}]).encode(), b"[]"]


def zipkin_v1() -> list[bytes]:
    """Lists of v1 spans."""
    return [json.dumps([V1]).encode(), json.dumps([{**V1, "binaryAnnotations": [], "annotations": []}]).encode()]


def zipkin_protobuf() -> list[bytes]:
    """A list of spans with every field."""
    endpoint = b"\x0a\x06orders\x12\x04\x0a\x00\x00\x01\x20\x50"
    span = {"trace_id": b"\1" * 16, "id": b"\2" * 8, "parent_id": b"\3" * 8, "kind": 1, "name": "get"}
    span |= {"timestamp": NOW, "duration": 5, "local_endpoint": endpoint, "remote_endpoint": endpoint}
    span |= {"annotations": [b"\x09\0\0\0\0\0\0\0\0\x12\x01x"], "tags": [b"\x0a\x01a\x12\x01b"], "shared": True}
    least = {"trace_id": b"\1", "id": b"\2"}
    return [_List(spans=[_fitting(span)]).SerializeToString(), _List(spans=[least]).SerializeToString()]


def _fitting(span: dict[str, Any]) -> dict[str, Any]:
    """The fields that the declared message has: the list of them is the decoder's own matter."""
    known = {field.name for field in _List().spans.add().DESCRIPTOR.fields}
    return {name: value for name, value in span.items() if name in known and not isinstance(value, list)}


def otlp_json() -> list[bytes]:
    """Requests of two scopes."""
    scopes = [{"scope": {"name": "s", "version": "1"}, "spans": [OTLP]}, {"spans": [{**OTLP, "kind": 2}]}]
    return [json.dumps({"resourceSpans": [{"resource": SERVICE, "scopeSpans": scopes}]}).encode(), b"{}"]


def otlp_protobuf() -> list[bytes]:
    """A request with attributes, events, links and status."""
    request = ExportTraceServiceRequest()
    found = request.resource_spans.add()
    found.resource.attributes.add(key="service.name").value.string_value = "orders"
    span = found.scope_spans.add().spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, kind=3, name="GET")
    span.start_time_unix_nano, span.end_time_unix_nano = NOW * 1_000, NOW * 1_000 + 5_000
    span.attributes.add(key="a").value.array_value.values.add().int_value = 5
    span.attributes.add(key="m").value.kvlist_value.values.add(key="k").value.bytes_value = b"\0"
    span.events.add(name="e", time_unix_nano=5).attributes.add(key="a").value.bool_value = True
    span.links.add(trace_id=b"\3" * 16, span_id=b"\4" * 8).attributes.add(key="a").value.double_value = 0.5
    span.status.code = 2
    span.trace_state = "hop=00f067aa0ba902b7;0.1;;a,ot=th:8"
    return [request.SerializeToString(), b""]


def headers() -> list[bytes]:
    """Header blocks: a name and a value per line."""
    return [
        f"traceparent: 00-{TRACE}-{SPAN}-01\ntracestate: hop={SPAN};0.1;1000;a;z;i;op,o=1,ot=th:8".encode(),
        f"b3: {TRACE}-{SPAN}-1-{PARENT}\nbaggage: uid=u-1,hop1.{SPAN}.k=v,a=b;p=1".encode(),
        f"X-B3-TraceId: {TRACE}\nX-B3-SpanId: {SPAN}\nX-B3-Sampled: 1\nX-B3-Flags: 1".encode(),
        f"traceparent: cc-{TRACE}-{SPAN}-01-later\ntracestate: a=1\ntracestate: b=2".encode(),
    ]


def plan() -> list[bytes]:
    """The golden plans."""
    return [example["text"].encode() for example in json.loads((GOLDEN / "plan.json").read_text())]


def letter_name() -> list[bytes]:
    """Names of dead letters."""
    return [b"kafka:hopline.spans:0:4711:-1", b"journal:journal-1a2b3c4d:0:1:5"]


def import_file() -> list[bytes]:
    """Files of every format: one value, JSON lines, gzipped."""
    values = [native_json()[0], native_json()[1], zipkin_json()[0], zipkin_v1()[0], otlp_json()[0]]
    return [*values, b"\n".join(values), json.dumps([[ZIPKIN], [ZIPKIN]], indent=1).encode(), gzip.compress(values[0])]


def inflate() -> list[bytes]:
    """Gzip streams: whole, cut off, of two members, and a bomb."""
    whole = gzip.compress(b"a body " * 20)
    return [whole, whole[:-5], whole + whole, gzip.compress(bytes(300_000))]


def filters() -> list[bytes]:
    """Questions of a search."""
    return [
        b'http.response.status_code>=500 AND NOT (db.system="my sql" OR !error) peer~^or.*s$',
        b"duration>1.5s error=true annotation=cache attempt>0",
    ]


def pasted() -> list[bytes]:
    """What people paste, with durations and times."""
    return [
        f"00-{TRACE}-{SPAN}-01".encode(),
        f"http://127.0.0.1:9411/zipkin/traces/{TRACE}?from=now-15m".encode(),
        b"http://h/users/a%2Fb/timeline",
        b"uid: u-1",
        b"1m30s",
        b"2026-11-22T18:00:00.5 01:00",
        b"now-15m",
    ]
