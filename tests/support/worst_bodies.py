"""Bodies of the largest size that is taken, in shapes that cost the most: small on the wire, large once decoded."""

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hopline_collector.block.limits import MESSAGE_BYTES
from hopline_collector.formats.weight import ROWS_MOST

SIZE: Final = MESSAGE_BYTES - 1_000
FORMS: Final = {"/api/v2/spans": "zipkin", "/v1/traces": "otlp", "/api/v1/spans": "native"}
"""Where it is posted -> the name of its format."""


class Worst(NamedTuple):
    """A body, and how it is posted."""

    path: str
    content_type: str
    body: bytes


Make = Callable[[int], Any]
"""A body, or what is one as JSON, of about so many bytes and no more."""


def worst(name: str, size: int = SIZE) -> Worst:
    """The body of that name, of about `size` bytes and no more."""
    kind = name.partition(":")[0]
    path, content_type = _POSTED[kind]
    found = SHAPES[name](size)
    return Worst(path, content_type, found if isinstance(found, bytes) else json.dumps(found).encode())


_POSTED: Final = {
    "zipkin": ("/api/v2/spans", "application/json"),
    "zipkin protobuf": ("/api/v2/spans", "application/x-protobuf"),
    "otlp": ("/v1/traces", "application/json"),
    "otlp protobuf": ("/v1/traces", "application/x-protobuf"),
    "native": ("/api/v1/spans", "application/json"),
    "native packed": ("/api/v1/spans", "application/msgpack"),
}


def _rows(make: Callable[[int], Any], size: int) -> list[Any]:
    """As many rows as are taken, or as fit."""
    one = len(json.dumps(make(ROWS_MOST))) + 8
    return [make(number) for number in range(min(ROWS_MOST - 2, size // one))]


def _tags(size: int, each: int) -> dict[str, str]:
    """Tags of `each` bytes, with a key of their own each."""
    return {f"{number:06x}": "v" * (each - 14) for number in range(size // each)}


def _zipkin(number: int = 0, **more: Any) -> dict[str, Any]:
    return {"traceId": f"{number // 8 + 1:032x}", "id": f"{number + 1:016x}", **more}


def _zipkin_ordinary(number: int) -> dict[str, Any]:
    tags = {f"tag.{place}": "some value" for place in range(8)}
    endpoint = {"serviceName": f"s{number % 50}"}
    return _zipkin(number, name="get /", kind="SERVER", timestamp=1, duration=2, localEndpoint=endpoint, tags=tags)


def _native(number: int = 0, **more: Any) -> dict[str, Any]:
    ids = {"trace_id": f"{number // 8 + 1:032x}", "id": f"{number + 1:016x}"}
    return {**ids, "kind": "server", "service": "s", "name": "n", "start_us": 1, **more}


def _packed(row: list[Any], size: int, process: dict[str, str] | None = None) -> bytes:
    one = len(msgspec.msgpack.encode(row))
    return msgspec.msgpack.encode([1, process or {}, [row] * min(ROWS_MOST, max(size // one, 1))])


def _wire(path: str, number: int, *more: Any) -> list[Any]:
    return [b"\1" * 16, path, number, 0, 1, "", 1, *more]


def _otlp(number: int = 0, **more: Any) -> dict[str, Any]:
    return {"traceId": f"{number // 8 + 1:032x}", "spanId": f"{number + 1:016x}", **more}


def _otlp_ordinary(number: int) -> dict[str, Any]:
    return _otlp(number, name="get /", attributes=_attributes(400))


def _attributes(size: int) -> list[Any]:
    return [{"key": f"{number:06x}", "value": {"stringValue": "some value"}} for number in range(size // 64)]


def _request(spans: list[Any], **shared: Any) -> dict[str, Any]:
    scope = {"scope": shared.get("scope", {}), "spans": spans}
    return {"resourceSpans": [{"resource": shared.get("resource", {}), "scopeSpans": [scope]}]}


def _long(found: Any, unit: str, size: int) -> bytes:
    """`found` as JSON with `unit` as often as it fits, commas between, where it holds "HERE"."""
    text = json.dumps(found, separators=(",", ":"))
    return text.replace('"HERE"', ",".join([unit] * ((size - len(text)) // (len(unit) + 1)))).encode()


def _otlp_packed(spans: int, attributes: int, *, good: bool = True) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for number in range(attributes):
        resource.resource.attributes.add(key=f"{number:06x}")
    scope = resource.scope_spans.add()
    for number in range(min(spans, ROWS_MOST - 2)):
        scope.spans.add(trace_id=b"\1" * 16 if good else b"\1", span_id=(number + 1).to_bytes(8, "big"))
    return request.SerializeToString()


def _otlp_one(field: bytes, unit: bytes, size: int) -> bytes:
    """One span, with `unit` as often as it fits, in messages of numbers `field` one within the other."""
    inner = unit * ((size - 60 - 8 * len(field)) // len(unit))
    for key in reversed(field):
        inner = bytes((key,)) + _varint(len(inner)) + inner
    return _within(b"\x0a\x12\x12", b"\x0a\x10" + b"\1" * 16 + b"\x12\x08" + b"\1" * 8 + inner)


def _zipkin_one(unit: bytes, size: int) -> bytes:
    return _within(
        b"\x0a", b"\x0a\x10" + b"\1" * 16 + b"\x1a\x08" + b"\1" * 8 + unit * ((size - 60) // max(len(unit), 1))
    )


def _within(keys: bytes, inner: bytes) -> bytes:
    for key in reversed(keys):
        inner = bytes((key,)) + _varint(len(inner)) + inner
    return inner


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes((*found, number))


SHAPES: Final[dict[str, Make]] = {
    "zipkin: ordinary spans": lambda n: _rows(_zipkin_ordinary, n),
    "zipkin: shortest spans": lambda n: _rows(_zipkin, n),
    "zipkin: a service each": lambda n: _rows(lambda k: _zipkin(k, localEndpoint={"serviceName": f"s{k}"}), n),
    "zipkin: one span, long tags": lambda n: [_zipkin(tags=_tags(n - 99, 200))],
    "zipkin: one span, short tags": lambda n: [_zipkin(tags=_tags(n - 99, 14))],
    "zipkin: annotations": lambda n: [_zipkin(annotations=[{"timestamp": 1, "value": ""}] * (n // 33))],
    "zipkin: one long text": lambda n: [_zipkin(name="\x01é" * (n // 13))],
    "zipkin: text that is none": lambda n: _long([_zipkin(name="\ud800"), "HERE"], "{}", n),
    "zipkin: numbers for spans": lambda n: _long(["HERE"], "1", n),
    "zipkin: lists in a tag": lambda n: _long([_zipkin(tags={"a": ["HERE"]})], "[]", n),
    "zipkin: deep": lambda n: b"[" * n,
    "zipkin: deep in a tag": lambda n: b'[{"traceId":"1","id":"1","tags":{"a":' + b"[" * (n // 2) + b"]" * (n // 3),
    "zipkin: nearly version 1": lambda n: b'[{"a":"' + b'"annotations":[{' * (n // 17) + b'"endpoint"',
    "zipkin: zeros between": lambda n: _long(["HERE"], "{}\0", n),
    "zipkin protobuf: shortest spans": lambda n: _zipkin_one(b"", 60) * min(ROWS_MOST, n // 30),
    "zipkin protobuf: tags": lambda n: _zipkin_one(b"\x5a\x00", n),
    "zipkin protobuf: annotations": lambda n: _zipkin_one(b"\x52\x00", n),
    "otlp: ordinary spans": lambda n: _request(_rows(_otlp_ordinary, n)),
    "otlp: a large resource": lambda n: _request(_rows(_otlp, n // 2), resource={"attributes": _attributes(n // 2)}),
    "otlp: a large scope": lambda n: _request(_rows(_otlp, n // 2), scope={"attributes": _attributes(n // 2)}),
    "otlp: a large resource of bad spans": lambda n: _request(
        _rows(lambda _: {}, n // 2), resource={"attributes": _attributes(n // 2)}
    ),
    "otlp: empty values": lambda n: _long(
        _request([_otlp(attributes=[{"value": {"arrayValue": {"values": ["HERE"]}}}])]), "{}", n
    ),
    "otlp: empty events": lambda n: _long(_request([_otlp(events=["HERE"])]), "{}", n),
    "otlp: empty links": lambda n: _long(_request([_otlp(links=["HERE"])]), "{}", n),
    "otlp protobuf: a large resource": lambda n: _otlp_packed(n // 64, n // 32),
    "otlp protobuf: a large resource of bad spans": lambda n: _otlp_packed(n // 64, n // 32, good=False),
    "otlp protobuf: attributes": lambda n: _otlp_one(b"", b"\x4a\x00", n),
    "otlp protobuf: events": lambda n: _otlp_one(b"", b"\x5a\x00", n),
    "otlp protobuf: attributes of an event": lambda n: _otlp_one(b"\x5a", b"\x1a\x00", n),
    "otlp protobuf: nested values": lambda n: _otlp_one(b"\x4a\x12\x2a", b"\x0a\x00", n),
    "otlp protobuf: numbers": lambda n: _otlp_one(b"", b"\x30\x01", n),
    "native packed: shortest rows": lambda n: _packed(_wire("0", 1), n),
    "native packed: rows without identity": lambda n: _packed(_wire("", 0), n),
    "native packed: a large process of bad rows": lambda n: _packed([1], n // 2, _tags(n // 2, 200)),
    "native packed: lists": lambda n: b"\x93\x01\x80\x91\x91\xdd" + (n - 20).to_bytes(4, "big") + b"\x90" * (n - 20),
    "native packed: lists in rows": lambda n: _packed([[[]] * 2_000], n),
    "native packed: tags": lambda n: _packed(_wire("0", 1, 1, {f"{k:x}": "" for k in range(n // 7)}), n),
    "native: shortest rows": lambda n: _rows(_native, n),
    "native: rows without identity": lambda n: _rows(lambda k: _native(k, id="0"), n),
    "native: a large process of bad rows": lambda n: {"process": _tags(n // 2, 200), "rows": _rows(lambda _: {}, n)},
    "native: lists in a tag": lambda n: _long([{"tags": ["HERE"]}], "[]", n),
}
"""Name, which begins with how it is posted -> what makes it."""
