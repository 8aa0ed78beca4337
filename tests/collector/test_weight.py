"""Rows counted before any is made: short rows in a large body cost nothing but the count."""

import json
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from hopline_collector.block.core import DECODERS, Message, build_block
from hopline_collector.formats import Decoded, fields, weight
from hopline_collector.formats.decoded import REFUSED_BYTES
from hopline_collector.handover.plan import Plan
from support.wire_rows import NOW
from support.worst_bodies import FORMS, worst

MOST = weight.ROWS_MOST


def otlp_json(rows: int) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{}] * rows}]}]}).encode()


def otlp_protobuf(rows: int) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for _ in range(rows):
        scope.spans.add()
    return request.SerializeToString()


SHAPES = {
    "our wire": ("native", lambda n: msgspec.msgpack.encode([1, {}, [[]] * n])),
    "our rows in MessagePack": ("native", lambda n: msgspec.msgpack.encode([{}] * n)),
    "our rows in an object": ("native", lambda n: msgspec.msgpack.encode({"rows": [{}] * n})),
    "our rows in JSON": ("native", lambda n: json.dumps([{}] * n).encode()),
    "our rows in a JSON object": ("native", lambda n: b' {"rows":' + json.dumps([{}] * n).encode() + b"}"),
    "Zipkin JSON": ("zipkin", lambda n: json.dumps([{}] * n).encode()),
    "Zipkin protobuf": ("zipkin", lambda n: b"\x0a\x00" * n),
    "OTLP JSON": ("otlp", otlp_json),
    "OTLP protobuf": ("otlp", otlp_protobuf),
    "OTLP resources": ("otlp", lambda n: b"\x0a\x00" * n),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bound_is_met_exactly(shape: str) -> None:
    """K4: one row more than the bound is one too many; resources and scopes of OTLP count along."""
    form, body = SHAPES[shape]
    around = 2 if shape in {"OTLP JSON", "OTLP protobuf"} else 0
    assert weight.excess(form, body(MOST - around)) is None
    assert weight.excess(form, body(MOST - around + 1)) == weight.TOO_MANY_ROWS


@pytest.mark.parametrize("shape", SHAPES)
def test_a_body_of_the_shortest_rows_is_set_aside_whole(shape: str) -> None:
    """K4: a megabyte and more of rows that cost a thousand times their bytes; one dead letter, and little memory."""
    form, body = SHAPES[shape]
    message = Message(3, form, body(200_000))
    tracemalloc.start()
    try:
        block = build_block([message], Plan(3, 4, NOW))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (letter,) = block.dead
    assert (letter.offset, letter.index, letter.reason) == (3, -1, "too_many_rows")
    assert peak < 80_000_000


REFUSED = {
    "zipkin: numbers for spans": weight.TOO_MANY_VALUES,
    "zipkin: lists in a tag": weight.TOO_MANY_VALUES,
    "zipkin protobuf: tags": weight.TOO_MANY_VALUES,
    "otlp: a large resource": weight.TOO_MUCH_REPEATED,
    "otlp: a large scope": weight.TOO_MUCH_REPEATED,
    "otlp: empty events": weight.TOO_MANY_VALUES,
    "otlp protobuf: a large resource": weight.TOO_MUCH_REPEATED,
    "otlp protobuf: events": weight.TOO_MANY_VALUES,
    "otlp protobuf: attributes of an event": weight.TOO_MANY_VALUES,
    "otlp protobuf: nested values": weight.TOO_MANY_VALUES,
    "native packed: lists": weight.TOO_LARGE_ROW,
    "native packed: lists in rows": weight.TOO_MANY_VALUES,
    "native: lists in a tag": weight.TOO_MANY_VALUES,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_cost_gigabytes_is_refused_before_it_is_made(name: str) -> None:
    """K4: values, large rows and facts that every span would repeat; tests/faults measures what that takes."""
    posted = worst(name)
    assert weight.excess(FORMS[posted.path], posted.body) == REFUSED[name]


ORDINARY = ("zipkin: ordinary spans", "zipkin: one span, long tags", "otlp: ordinary spans", "native: shortest rows")


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_spans_are_never_too_much(name: str) -> None:
    """K4: as many as a body may hold."""
    posted = worst(name)
    assert weight.excess(FORMS[posted.path], posted.body) is None


@pytest.mark.parametrize(
    "name",
    [
        "otlp: a large resource of bad spans",
        "otlp protobuf: a large resource of bad spans",
        "native: a large process of bad rows",
        "native packed: a large process of bad rows",
    ],
)
def test_refused_rows_do_not_each_hold_what_they_share(name: str) -> None:
    """K4, C3: a letter a row, whole while that is little, then without the process or resource, and it says so."""
    posted = worst(name, 2_000_000)
    decoded = DECODERS[FORMS[posted.path]](posted.body)
    assert len(decoded.refused) > 1_000
    kept = sum(len(refused.raw) for refused in decoded.refused)
    assert kept < REFUSED_BYTES + 2 * len(posted.body) + 300 * len(decoded.refused)
    assert len(decoded.refused[0].raw) > 500_000
    assert decoded.refused[-1].detail.endswith("too large to be kept with each row)")
    assert DECODERS[FORMS[posted.path]](decoded.refused[-1].raw).refused


def test_rows_that_cannot_be_stored_cost_one_more_decoding_of_their_message() -> None:
    """K4: not one each, which took hours for a body of fifty thousand."""
    messages = [Message(n, "native", worst("native: rows without identity", 60_000).body) for n in range(3)]
    calls = []

    def decode(body: bytes) -> Decoded:
        calls.append(body)
        return DECODERS["native"](body)

    block = build_block(messages, Plan(0, 3, NOW), decoders={"native": decode})
    assert len(calls) == 2 * len(messages)
    assert len(block.dead) == 3 * len(json.loads(messages[0].body))
    assert {(letter.offset, letter.index) for letter in block.dead} == {
        (n, index) for n in range(3) for index in range(len(json.loads(messages[0].body)))
    }


def filled(value: Any, target: AnyValue) -> int:
    """Write `value` and say how many fields that is, one that is a message as three."""
    if isinstance(value, int):
        target.int_value = value
        return 1
    if isinstance(value, list):
        target.array_value.SetInParent()
        return 3 + sum(3 + filled(item, target.array_value.values.add()) for item in value)
    target.kvlist_value.SetInParent()
    pairs = [(key, target.kvlist_value.values.add(key=key).value, item) for key, item in value.items()]
    for _, empty, _ in pairs:
        empty.SetInParent()
    return 3 + sum(3 + bool(key) + 3 + filled(item, inside) for key, inside, item in pairs)


@given(
    st.recursive(st.integers(0, 9), lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text("ab"), part)),
    st.integers(1, 30),
)
def test_fields_of_protobuf_are_counted_at_whatever_depth(value: object, most: int) -> None:
    """K4: as many as its messages hold; and where that is too many, not much further."""
    request = ExportTraceServiceRequest()
    attribute = request.resource_spans.add().scope_spans.add().spans.add().attributes.add(key="k")
    expected = 16 + filled(value, attribute.value)
    body = request.SerializeToString()
    assert fields.count(body, fields.OTLP, 10**9) == expected
    assert (fields.count(body, fields.OTLP, most) > most) == (expected > most)


@given(st.sampled_from(["native", "zipkin", "otlp", "soap"]), st.binary(max_size=200))
def test_whatever_cannot_be_counted_is_left_to_its_decoder(form: str, start: bytes) -> None:
    """K4: counting never fails."""
    assert weight.excess(form, start + b"\xff" * (MOST + 1)) in {None, weight.TOO_MANY_ROWS}
