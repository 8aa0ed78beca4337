"""Zipkin's protobuf of spans (https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto), written by hand."""

import ipaddress
from typing import Any

KINDS = {"CLIENT": 1, "SERVER": 2, "PRODUCER": 3, "CONSUMER": 4}


def encoded(spans: list[dict[str, Any]]) -> bytes:
    """A ``ListOfSpans``."""
    return b"".join(_bytes(1, _span(span)) for span in spans)


def _span(span: dict[str, Any]) -> bytes:
    parts = [_bytes(1, bytes.fromhex(span["traceId"])), _bytes(3, bytes.fromhex(span["id"]))]
    if "parentId" in span:
        parts.append(_bytes(2, bytes.fromhex(span["parentId"])))
    if "kind" in span:
        parts.append(_number(4, KINDS[span["kind"]]))
    parts.append(_bytes(5, span.get("name", "").encode()))
    if "timestamp" in span:
        parts.append(_varint(6 << 3 | 1) + span["timestamp"].to_bytes(8, "little"))
    if "duration" in span:
        parts.append(_number(7, span["duration"]))
    parts += [
        _bytes(place, _endpoint(span[key]))
        for place, key in ((8, "localEndpoint"), (9, "remoteEndpoint"))
        if key in span
    ]
    for note in span.get("annotations", ()):
        at = _varint(1 << 3 | 1) + note["timestamp"].to_bytes(8, "little")
        parts.append(_bytes(10, at + _bytes(2, note["value"].encode())))
    parts += [
        _bytes(11, _bytes(1, key.encode()) + _bytes(2, value.encode())) for key, value in span.get("tags", {}).items()
    ]
    parts += [_number(place, 1) for place, key in ((12, "debug"), (13, "shared")) if span.get(key)]
    return b"".join(parts)


def _endpoint(found: dict[str, Any]) -> bytes:
    parts = [_bytes(1, found.get("serviceName", "").encode())]
    parts += [_bytes(n, ipaddress.ip_address(found[k]).packed) for n, k in ((2, "ipv4"), (3, "ipv6")) if k in found]
    return b"".join(parts) + (_number(4, found["port"]) if "port" in found else b"")


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
