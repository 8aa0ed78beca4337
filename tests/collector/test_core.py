"""Blocks: what the limits do to rows, and that a block depends on messages and plan alone."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_collector.block.core import DECODERS, INGEST_COLUMNS, LETTER_BYTES, Block, Message, build_block
from hopline_collector.block.normalise import process_text
from hopline_collector.handover.ledger import balanced
from hopline_collector.handover.plan import Plan
from support.wire_rows import NOW, PROCESS, random_row, wire_message, wire_row

DAY = 86_400_000_000


def block_of(*bodies: bytes, skip: tuple[int, ...] = ()) -> Block:
    messages = [Message(offset, "native", body) for offset, body in enumerate(bodies)]
    block = build_block(messages, Plan(0, len(bodies), NOW, skip=skip))
    assert balanced(block.counts)
    assert set(block.columns) == set(INGEST_COLUMNS)
    assert {len(column) for column in block.columns.values()} == {block.rows}
    return block


def row_of(**changes: Any) -> dict[str, Any]:
    block = block_of(wire_message(wire_row(7, **changes)))
    assert block.rows == 1
    return {name: column[0] for name, column in block.columns.items()}


def test_a_good_row_passes_unchanged() -> None:
    """C5: what is within the limits stays as it was."""
    row = row_of(links=[[bytes(range(16)), 5, 3]], annotations=[[NOW, "cache", "miss"]], flags=1 | 8)
    assert row["service"] == "orders"
    assert row["caller_zone"] == "z1"
    assert (row["error"], row["flags"], row["unfinished"]) == (1, 1, 0)
    assert row["links"] == [(bytes(range(16)), 5, "producer")]
    assert row["annotations"] == [(NOW, "cache", "miss")]
    assert row["arrived"] == NOW
    assert row["tags"] == {"http.request.method": "GET"}


def test_the_same_messages_and_plan_make_the_same_block() -> None:
    """C1: a block is a function of messages and plan."""
    source = random.Random(5)
    bodies = [wire_message(*[random_row(source) for _ in range(50)]) for _ in range(4)]
    assert block_of(*bodies).columns == block_of(*bodies).columns


@pytest.mark.parametrize(
    ("changes", "field", "expected", "reason"),
    [
        ({"name": "a\x00b\x1f"}, "name", "ab", "control_characters"),
        ({"name": ""}, "name", "unknown", "empty_text"),
        ({"name": "select\r\n\t1\u2028"}, "name", "select 1", "not_one_line"),
        ({"name": " \u2028 "}, "name", "unknown", "empty_text"),
        ({"uid": " u\n7 "}, "uid", "u 7", "not_one_line"),
        ({"error_type": "a\nb"}, "error_type", "a b", "not_one_line"),
        ({"peer": "x" * 255 + " y"}, "peer", "x" * 255, "text_too_long"),
        ({"name": "é" * 200}, "name", "é" * 128, "text_too_long"),
        ({"uid": "x" * 1000}, "uid", "x" * 256, "text_too_long"),
        ({"weight": 0}, "weight", 1_000, "bad_weight"),
        ({"weight": 10**9}, "weight", 1_000, "bad_weight"),
        ({"duration_us": 2 * DAY}, "duration_us", DAY, "bad_duration"),
        ({"duration_us": -5}, "duration_us", 0, "bad_duration"),
        ({"span_id": "0." * 100}, "span_id", "", "bad_path"),
        ({"peer_kind": "nonsense"}, "peer_kind", "", "bad_peer_kind"),
        ({"children": -1}, "children", 0, "bad_children"),
        ({"attempt": 99_999}, "attempt", 65_535, "bad_attempt"),
    ],
)
def test_what_exceeds_a_limit_is_cut_marked_and_counted(
    changes: dict[str, Any], field: str, expected: object, reason: str
) -> None:
    """C5: every cut has a reason, on the row and in the counts."""
    row = row_of(**changes)
    assert row[field] == expected
    assert row["tags"]["hopline.cut"] == reason
    assert block_of(wire_message(wire_row(7, **changes))).counts.cut == {reason: 1}


@pytest.mark.parametrize(
    ("sent", "stored"), [(" \u2028 ", "unknown"), ("a\r\nb \x00", "a b"), ("", "unknown"), ("a  b", "a  b")]
)
def test_services_are_names_of_one_line(sent: str, stored: str) -> None:
    """C5, R2: what a process calls itself can be typed, linked to and looked for."""
    assert process_text("service", sent) == stored


def test_texts_of_errors_keep_their_lines() -> None:
    """C5: a stack of calls stays as it is."""
    assert row_of(error_text=" one\n\ttwo\n")["error_text"] == " one\n\ttwo\n"


def test_tags_are_bounded_in_number_key_and_value() -> None:
    """C5: 64 tags, 128 bytes a key, 2 KiB a value, 8 KiB in attrs."""
    many = row_of(tags={f"k{i}": "v" for i in range(100)})["tags"]
    assert len(many) == 64 + 1
    row = row_of(tags={"k" * 500: "v" * 1_000_000, "": "nameless"}, attrs={"url": "x" * 20_000})
    assert row["tags"] == {"k" * 128: "v" * 2_048, "hopline.cut": "text_too_long"}
    assert len(row["attrs"]["url"]) == 8_192


def test_annotations_and_links_are_bounded() -> None:
    """C5: 128 annotations; links that name no trace fall away."""
    row = row_of(annotations=[[NOW, "k", "v"]] * 200, links=[[b"short", 1, 1], [bytes(16), 1, 99]])
    assert len(row["annotations"]) == 128
    assert row["links"] == [(bytes(16), 1, "local")]
    assert row["tags"]["hopline.cut"] == "too_many_annotations,bad_link"


@pytest.mark.parametrize(
    "start", [-5_364_662_400_000_000, 0, NOW - 8 * DAY, NOW + 3_600_000_000, 253_402_300_799_000_000]
)
def test_a_time_far_from_arrival_is_moved_and_kept_in_a_tag(start: int) -> None:
    """C5: the year 1800 or 9999 cannot reach a partition of the store."""
    row = row_of(start_us=start, annotations=[[start + 10, "k", "v"]] if start > 0 else [])
    assert row["start_us"] == NOW
    assert row["tags"]["source.start_us"] == str(start)
    assert all(at == NOW + 10 for at, _, _ in row["annotations"])


def test_rows_of_one_trace_and_message_move_together() -> None:
    """C5: one delta per trace and message keeps the distances; other traces stay."""
    old = NOW - 30 * DAY
    rows = [wire_row(i, trace_id=bytes(15) + b"\x01", start_us=old + i * 1_000) for i in (1, 2, 3)]
    block = block_of(wire_message(*rows, wire_row(9)))
    assert block.columns["start_us"] == [NOW - 2_000, NOW - 1_000, NOW, NOW - 1_000_000]


def test_unfinished_rows_have_no_duration() -> None:
    """M: a missing duration says unfinished."""
    row = row_of(duration_us=None)
    assert (row["unfinished"], row["duration_us"]) == (1, 0)


def test_copies_inside_a_block_are_removed_and_the_finished_one_wins() -> None:
    """C8: copies of (id, kind) are counted as duplicates."""
    block = block_of(
        wire_message(wire_row(1, duration_us=None), wire_row(2)),
        wire_message(wire_row(1), wire_row(1), wire_row(1, kind=1)),
    )
    assert block.counts.duplicate == 2
    assert sorted(zip(block.columns["id"], block.columns["kind"], block.columns["unfinished"], strict=True)) == [
        (1, "client", 0),
        (1, "server", 0),
        (2, "server", 0),
    ]


@given(st.permutations(range(5)))
def test_an_id_that_is_used_again_hours_later_in_a_block_is_another_row(order: list[int]) -> None:
    """N1: each use keeps what is its own, in whatever order the parts come; what tells no start is the first's."""
    first, later = NOW - 3 * 3_600_000_000, NOW - 1_000_000
    sent = [
        wire_row(1, start_us=first, duration_us=3_600_000_000, name="first", tags={}),
        wire_row(1, start_us=first + 3_700_000_000, duration_us=None, name="", tags={"of": "first"}),
        wire_row(1, start_us=0, duration_us=None, name="", tags={"late": "yes"}),
        wire_row(1, start_us=later, duration_us=5, name="again", tags={}),
        wire_row(1, start_us=later + 1, duration_us=None, name="", tags={"of": "again"}),
    ]
    block = block_of(*(wire_message(sent[place]) for place in order))
    assert block.counts.duplicate == 3
    found = zip(*(block.columns[name] for name in ("start_us", "duration_us", "name", "tags")), strict=True)
    assert sorted(found) == [
        (first, 3_600_000_000, "first", {"late": "yes", "of": "first"}),
        (later, 5, "again", {"of": "again"}),
    ]


def test_a_path_without_an_id_gets_one_that_its_copy_gets_too() -> None:
    """M8: rows of other path tracers get a deterministic id."""
    body = wire_message(wire_row(0, trace_id=bytes(15) + b"\x01"))
    first, second = block_of(body), block_of(body, body)
    assert first.columns["id"] == second.columns["id"]
    assert first.columns["id"][0] != 0
    assert second.counts.duplicate == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trace_id": b"short"}, "bad_trace_id"),
        ({"kind": 17}, "bad_kind"),
        ({"id": 0, "span_id": ""}, "no_identity"),
        ({"parent_id": -4}, "bad_id"),
    ],
)
def test_a_row_that_cannot_be_stored_is_a_dead_letter(changes: dict[str, Any], reason: str) -> None:
    """C3: it keeps its place, its reason and its bytes; its neighbours are stored."""
    bad = wire_row(2, **changes)
    block = block_of(wire_message(wire_row(1), bad, wire_row(3)))
    assert block.columns["id"] == [1, 3]
    (letter,) = block.dead
    assert (letter.offset, letter.index, letter.reason) == (0, 1, reason)
    version, process, (row,) = msgspec.msgpack.decode(letter.raw)
    assert (version, process) == (1, PROCESS)
    assert row[: len(bad)] == bad


def test_messages_that_cannot_be_read_are_dead_letters() -> None:
    """C3: malformed, unknown and skipped messages are set aside whole, in their place."""
    block = block_of(wire_message(wire_row(1)), b"\xc1", msgspec.msgpack.encode([9]), b"bomb", skip=(3,))
    assert [(letter.offset, letter.index, letter.reason) for letter in block.dead] == [
        (1, -1, "malformed"),
        (2, -1, "unknown_version"),
        (3, -1, "skipped"),
    ]
    assert block.dead[2].raw == b"bomb"
    assert (block.counts.received, block.counts.stored, block.counts.dead) == (4, 1, 3)


def test_an_unknown_format_is_set_aside() -> None:
    """C3: nothing is guessed about a format that nobody registered."""
    block = build_block([Message(4, "thrift", b"x")], Plan(4, 5, NOW))
    assert [letter.reason for letter in block.dead] == ["unknown_format"]


@given(st.lists(st.binary(max_size=60) | st.just(wire_message(wire_row(1))), max_size=5))
def test_any_bytes_between_good_messages_leave_the_good_ones(bodies: list[bytes]) -> None:
    """R2: random bytes end accounted for, and never raise."""
    good = sum(body == wire_message(wire_row(1)) for body in bodies)
    block = block_of(*bodies)
    assert block.rows >= min(good, 1)


def test_numbers_beyond_64_bits_do_not_keep_a_bad_row_from_its_dead_letter() -> None:
    """C3: JSON may hold any number, the letter's own format may not."""
    row = {"trace_id": "1" * 32, "kind": "local", "service": "s", "name": "n", "start_us": 1}
    block = block_of(msgspec.json.encode([row]).replace(b'"start_us":1', b'"start_us":1' + b"0" * 30))
    assert [letter.reason for letter in block.dead] == ["no_identity"]
    again = block_of(block.dead[0].raw)
    assert [letter.reason for letter in again.dead] == ["no_identity"]


def test_a_report_is_brought_within_what_the_store_holds() -> None:
    """C3, S5: a refused report would hold up rows that are stored by then."""
    report = {"at_us": -1, "recorded": 2**64 - 1, "sent": 1, "dropped": {"a\0" + "b" * 500: -5}, "depth": 0}
    (found,) = block_of(wire_message(report=report, process={"service": "s" * 1_000})).reports
    assert (found.at_us, found.recorded, found.sent, found.depth) == (0, 2**63 - 1, 1, 0)
    assert found.dropped == {"a" + "b" * 127: 0}
    assert found.process == {"service": "s" * 128}


def test_a_dead_letter_is_kept_within_its_bound() -> None:
    """K4: of a larger one the beginning stays, with what it was and how large; no decoder takes it for a message."""
    small, large = b"\xc1" + bytes(LETTER_BYTES - 1), b"\xc1" + bytes(LETTER_BYTES)
    block = block_of(small, large)
    assert [(letter.format, len(letter.raw)) for letter in block.dead] == [
        ("native", LETTER_BYTES),
        ("cut", LETTER_BYTES),
    ]
    assert block.dead[1].detail.startswith(f"native, {LETTER_BYTES + 1} bytes, ")
    assert "cut" not in DECODERS


def test_a_message_that_the_log_could_not_read_is_not_decoded() -> None:
    """K3: its bytes may be anything; why it cannot be read is told with it."""
    block = build_block([Message(7, "native", wire_message(wire_row(1)), 0, "offsets 3 to 7: codec")], Plan(3, 8, NOW))
    (letter,) = block.dead
    assert (block.rows, letter.format, letter.reason, letter.detail) == (
        0,
        "batch",
        "unreadable_batch",
        "offsets 3 to 7: codec",
    )


def test_what_cannot_be_inserted_is_set_aside_with_its_bytes_and_at_last_without() -> None:
    """K4, C3: its neighbours are built as before, and the letter tells what was there."""
    messages = [Message(n, "native", wire_message(wire_row(n + 1))) for n in range(3)]
    for aside, form, raw in (((1,), "native", messages[1].body), ((1, 1), "cut", b"")):
        block = build_block(messages, Plan(0, 3, NOW, phase="insert", aside=aside))
        assert block.columns["id"] == [1, 3]
        assert [(d.offset, d.index, d.format, d.reason, d.raw) for d in block.dead] == [(1, -1, form, "skipped", raw)]
        assert balanced(block.counts)
    assert f"its {len(messages[1].body)} bytes of native are left out" in block.dead[0].detail
