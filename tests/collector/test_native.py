"""The native formats: wire messages and rows as objects, whole and broken."""

import json
from typing import Any

import msgspec
import pytest

from hopline_collector.formats import Decoded, DecodeError, native
from support.wire_rows import PROCESS, wire_message, wire_row

ROW: dict[str, Any] = {
    "trace_id": "6921c0de0123456789abcdef01234567",
    "span_id": "0.1",
    "id": "00f067aa0ba902b7",
    "kind": "server",
    "service": "orders",
    "name": "POST /orders",
    "start_us": 1_763_800_000_123_456,
}


def objects(*rows: Any) -> Decoded:
    return native.decode(json.dumps(list(rows)).encode())


def test_a_wire_message_is_decoded_whole() -> None:
    """S2: process facts stand once, rows follow by position."""
    decoded = native.decode(wire_message(wire_row(1), wire_row(2)))
    (batch,) = decoded.batches
    assert batch.process == PROCESS
    assert [row.id for row in batch.rows] == [1, 2]
    assert decoded.refused == []


def test_trailing_defaults_may_be_left_out_and_later_fields_are_ignored() -> None:
    """S2: rows grow and shrink at their end."""
    short, long = wire_row(1)[:7], [*wire_row(2), "later"]
    body = msgspec.msgpack.encode([1, PROCESS, [short, long], None, "later"])
    (batch,) = native.decode(body).batches
    assert batch.rows[0].duration_us is None
    assert batch.rows[0].weight == 1_000
    assert batch.rows[1].id == 2


def test_an_unknown_version_is_set_aside() -> None:
    """S2: a message of another version has a reason of its own."""
    with pytest.raises(DecodeError) as caught:
        native.decode(msgspec.msgpack.encode([2, {}, []]))
    assert caught.value.reason == "unknown_version"


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"{", b"[1,", b"[1]x", b"\x93\x01", bytes(range(256)), b"[" * 100_000, b"null"]
)
def test_what_is_no_message_is_malformed(body: bytes) -> None:
    """R2: any bytes end in rows, refused rows or one reason."""
    with pytest.raises(DecodeError) as caught:
        native.decode(body)
    assert caught.value.reason == "malformed"


def test_one_bad_row_never_sinks_its_message() -> None:
    """C3: the good neighbours of a bad row are kept, with their places."""
    body = wire_message(wire_row(1), ["no trace"], wire_row(3), wire_row(4, name=7))
    decoded = native.decode(body)
    (batch,) = decoded.batches
    assert [row.id for row in batch.rows] == [1, 3]
    assert batch.indexes == [0, 2]
    assert [(bad.index, bad.reason) for bad in decoded.refused] == [(1, "malformed_row"), (3, "malformed_row")]


def test_a_row_whose_text_is_no_utf8_stands_alone() -> None:
    """C3: bytes that are no text refuse their own row only."""
    body = wire_message(wire_row(1), wire_row(2, uid="MARK"), wire_row(3)).replace(b"MARK", b"\xff\xfe\xfd\xfc")
    decoded = native.decode(body)
    assert [row.id for row in decoded.batches[0].rows] == [1, 3]
    assert [bad.index for bad in decoded.refused] == [1]


def test_tag_values_that_are_no_text_become_text() -> None:
    """C5: numbers and booleans in tags are readable, not refused."""
    decoded = native.decode(wire_message(wire_row(1, tags={"n": 5, "ok": True})))
    assert decoded.batches[0].rows[0].tags == {"n": "5", "ok": "true"}
    assert objects({**ROW, "tags": {"n": 1.5}}).batches[0].rows[0].tags == {"n": "1.5"}


def test_a_report_travels_with_and_without_rows() -> None:
    """S5: a sender's counters arrive with whose they are."""
    report = {"at_us": 5, "recorded": 10, "sent": 8, "dropped": {"full": 2}, "depth": 1}
    decoded = native.decode(wire_message(report=report))
    (found,) = decoded.reports
    assert (found.process, found.recorded, found.dropped) == (PROCESS, 10, {"full": 2})


def test_object_rows_are_grouped_by_process() -> None:
    """C4: JSON rows of several services become one batch each."""
    decoded = objects(ROW, {**ROW, "id": "2", "service": "users"}, {**ROW, "id": "3"})
    assert [(b.process["service"], [r.id for r in b.rows], b.indexes) for b in decoded.batches] == [
        ("orders", [0x00F067AA0BA902B7, 3], [0, 2]),
        ("users", [2], [1]),
    ]


def test_a_row_that_names_no_service_is_refused() -> None:
    """C4: the refusal names the field; the row's process may give it instead."""
    nameless = {key: value for key, value in ROW.items() if key != "service"}
    (bad,) = objects(nameless).refused
    assert (bad.index, bad.reason, "`service`" in bad.detail) == (0, "malformed_row", True)
    (batch,) = native.decode(msgspec.json.encode({"process": {"service": "orders"}, "rows": [nameless]})).batches
    assert batch.process["service"] == "orders"


def test_msgpack_of_the_same_structure_is_understood() -> None:
    """C4: rows as objects may come as MessagePack, as a list or in an envelope."""
    for body in ([ROW], {"rows": [ROW], "process": {"zone": "z9"}}):
        (batch,) = native.decode(msgspec.msgpack.encode(body)).batches
        assert batch.rows[0].name == "POST /orders"
    assert batch.process["zone"] == "z9"


def test_the_error_flag_and_flags_become_bits() -> None:
    """M: flags are an object of booleans in JSON, bits on the wire."""
    (batch,) = objects({**ROW, "error": True, "flags": {"sampled": True, "load_test": True, "new": True}}).batches
    assert batch.rows[0].flags == 1 | 4 | 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6921C0DE0123456789ABCDEF01234567", "6921c0de0123456789abcdef01234567"),
        ("0123456789abcdef", "00000000000000000123456789abcdef"),
    ],
)
def test_hex_trace_ids_are_padded_and_lowered(text: str, expected: str) -> None:
    """M8: 16 hex digits are padded on the left."""
    assert objects({**ROW, "trace_id": text}).batches[0].rows[0].trace_id.hex() == expected


def test_a_foreign_spelling_is_kept_under_a_digest() -> None:
    """M8: any other id of 1 to 64 characters is findable by its spelling."""
    (batch,) = objects({**ROW, "trace_id": "order-17.a"}).batches
    assert len(batch.rows[0].trace_id) == 16
    assert (batch.rows[0].tags or {})["source.trace_id"] == "order-17.a"


@pytest.mark.parametrize("bad", ["", "x" * 65, "a b", "ä"])
def test_what_is_no_trace_id_is_refused(bad: str) -> None:
    """M8: the alphabet of trace ids is small."""
    assert objects({**ROW, "trace_id": bad}).refused[0].reason == "malformed_row"


def test_lone_surrogates_are_mended_not_refused() -> None:
    """C5: half of a surrogate pair costs one character, not the body."""
    body = (
        b'[{"trace_id":"aa","id":"1","kind":"server","service":"a","name":"x\\ud800y","start_us":1},'
        + json.dumps(ROW).encode()
        + b"]"
    )
    decoded = native.decode(body)
    assert [row.name for batch in decoded.batches for row in batch.rows] == ["x?y", "POST /orders"]
