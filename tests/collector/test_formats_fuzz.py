"""Random and mutated bytes against every decoder: rows, refused rows or one reason, never anything else."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_collector.block.core import DECODERS, Message, build_block
from hopline_collector.formats import DecodeError
from hopline_collector.formats.otlp_protobuf import _Request
from hopline_collector.formats.zipkin_protobuf import _List
from hopline_collector.handover.plan import Plan
from support.wire_rows import NOW, wire_message, wire_row

ZIPKIN: dict[str, Any] = {
    "traceId": "6921c0de0123456789abcdef01234567",
    "id": "00f067aa0ba902b7",
    "kind": "SERVER",
    "name": "get",
    "timestamp": NOW,
    "duration": 5,
    "localEndpoint": {"serviceName": "orders", "ipv4": "10.0.0.1", "port": 80},
    "annotations": [{"timestamp": NOW, "value": "x"}],
    "tags": {"a": "b", "error": ""},
}
OTLP: dict[str, Any] = {
    "traceId": "6921c0de0123456789abcdef01234567",
    "spanId": "00f067aa0ba902b7",
    "kind": 2,
    "startTimeUnixNano": str(NOW * 1_000),
    "attributes": [{"key": "a", "value": {"arrayValue": {"values": [{"intValue": "5"}]}}}],
    "events": [{"timeUnixNano": "5", "name": "e"}],
    "links": [{"traceId": "01" * 16, "spanId": "02" * 8}],
    "status": {"code": 2, "message": "m"},
    "traceState": "hop=00f067aa0ba902b7;0.1;;a,ot=th:8",
}


def otlp_json(span: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def otlp_protobuf() -> bytes:
    request = _Request()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, kind=3)
    span.attributes.append(b"\x0a\x01a\x12\x03\x0a\x01b")
    span.events.add(name="e").attributes.append(b"\x0a\x01a\x12\x02\x18\x05")
    return bytes(request.SerializeToString())


SEEDS = [
    ("native", wire_message(wire_row(1), wire_row(2))),
    ("native", msgspec.json.encode([{"trace_id": "1" * 32, "id": "1", "kind": "local", "name": "n", "start_us": 1}])),
    ("zipkin", json.dumps([ZIPKIN]).encode()),
    ("zipkin", json.dumps([{**ZIPKIN, "binaryAnnotations": [{"key": "sa", "value": True}]}]).encode()),
    ("zipkin", _List(spans=[{"trace_id": b"\1", "id": b"\2", "local_endpoint": b"\x0a\x01a"}]).SerializeToString()),
    ("otlp", otlp_json(OTLP)),
    ("otlp", otlp_protobuf()),
]


def take(form: str, body: bytes) -> None:
    """What the hand-over does with a message: it must come back, and account for everything."""
    with suppress(DecodeError):
        DECODERS[form](body)
    counts = build_block([Message(0, form, body)], Plan(0, 1, NOW)).counts
    lost = counts.rejected.total() + counts.sampled_out
    assert counts.received == counts.stored + counts.dead + counts.duplicate + lost


@pytest.mark.parametrize("form", sorted(DECODERS))
@given(body=st.binary(max_size=400))
def test_random_bytes(form: str, body: bytes) -> None:
    """R2: no byte string makes a decoder fail in a way of its own."""
    take(form, body)


@pytest.mark.parametrize(("form", "seed"), SEEDS)
@given(
    cuts=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=6)
)
def test_mutated_messages(form: str, seed: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    """R2: good messages with bytes replaced, removed and put in."""
    body = seed
    for at, gone, new in cuts:
        place = at % (len(body) + 1)
        body = body[:place] + new + body[place + gone :]
    take(form, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(name=st.sampled_from(sorted(ZIPKIN)), value=JSON)
def test_any_value_in_a_zipkin_span(name: str, value: Any) -> None:
    """R2: any JSON value in any place of a span."""
    take("zipkin", json.dumps([ZIPKIN, {**ZIPKIN, name: value}]).encode())


@given(name=st.sampled_from(sorted(OTLP)), value=JSON)
def test_any_value_in_an_otlp_span(name: str, value: Any) -> None:
    """R2: any JSON value in any place of a span."""
    take("otlp", otlp_json({**OTLP, name: value}))


HUGE = "x" * 1_000_000
POISON: list[tuple[str, dict[str, Any]]] = [
    ("a huge tag", {"tags": {"a": HUGE}}),
    ("many tags", {"tags": {f"k{n}": "v" for n in range(50_000)}}),
    ("many annotations", {"annotations": [{"timestamp": NOW, "value": "x"}] * 50_000}),
    ("control characters", {"name": "a\0b\x1bc"}),
    ("a lone surrogate", {"name": "\ud800"}),
    ("text of the other direction", {"name": "\u202eabc\u200b"}),
    ("the year 1800", {"timestamp": -5_364_662_400_000_000}),
    ("the year 9999", {"timestamp": 253_370_764_800_000_000}),
    ("a huge duration", {"duration": 2**62}),
    ("a long name", {"name": HUGE}),
    ("a script", {"name": "<script>alert(1)</script>", "tags": {"=cmd()": "'; DROP TABLE spans --"}}),
    ("its own parent", {"parentId": ZIPKIN["id"]}),
    ("an integer of 4,300 digits", {"timestamp": 10**4_299}),
    ("no name", {"name": ""}),
]


@pytest.mark.parametrize(("title", "change"), POISON, ids=[title for title, _ in POISON])
def test_poison_between_good_spans(title: str, change: dict[str, Any]) -> None:
    """R2: its neighbours are stored as they are, and the bad one is cut, mended or set aside."""
    first, last = {**ZIPKIN, "id": "1"}, {**ZIPKIN, "id": "2"}
    body = json.dumps([first, {**ZIPKIN, **change}, last]).encode()
    block = build_block([Message(0, "zipkin", body)], Plan(0, 1, NOW))
    assert {1, 2} <= set(block.columns["id"])
    assert block.counts.stored + block.counts.dead == 3
    oldest, newest = NOW - 7 * 86_400_000_000, NOW + 600_000_000
    assert all(oldest <= start <= newest for start in block.columns["start_us"])
    for name in block.columns["name"]:
        assert name
        assert len(name.encode()) <= 256
    assert all(len(tags) <= 66 and len("".join(tags.values()).encode()) < 64 * 2_100 for tags in block.columns["tags"])
