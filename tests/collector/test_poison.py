"""The poison corpus through the whole hand-over into ClickHouse: each class as a message between two good ones."""

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hopline_collector.block.core import Message, build_block
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.plan import Plan
from hopline_collector.sources.journal import Journal
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreAwayError
from hopline_collector.store.writer import ClickHouseWriter
from support.oracle import differences, rows_of
from support.wire_rows import NOW, PROCESS, wire_message, wire_row

BAD = 77


def row(**changes: Any) -> bytes:
    return wire_message(wire_row(BAD, **changes))


def json_row(text: str) -> bytes:
    """A JSON body with `text` in place of the name's characters."""
    head = '[{"trace_id":"6921c0de0123456789abcdef01234567","id":"4d","kind":"server","service":"s","start_us":'
    return (head + f'{NOW},"name":"{text}"' + "}]").encode()


STORED = {
    "1 MB tag": row(tags={"k": "v" * 1_000_000}),
    "100,000 tags": row(tags={f"k{i}": "v" for i in range(100_000)}),
    "10,000 annotations": row(annotations=[[NOW, "k", "v"]] * 10_000),
    "NUL": row(name="a\0b", tags={"\0": "\0"}, uid="\0"),
    "lone surrogate": json_row("a\\ud800b"),
    "right to left, zero width": row(name="\u202ereversed\u200b\ufeff"),
    "year 1800": row(start_us=-5_364_662_400_000_000),
    "year 9999": row(start_us=253_402_300_799_000_000),
    "beyond 64 bits of nanoseconds": row(start_us=2**63),
    "negative time": row(start_us=-1),
    "zero time": row(start_us=0),
    "4,300 digits": json_row("x").replace(str(NOW).encode(), b"9" * 4_300),
    "weight 0": row(weight=0),
    "negative weight": row(weight=-5),
    "huge duration": row(duration_us=2**62),
    "negative duration": row(duration_us=-1),
    "self-parent": row(parent_id=BAD),
    "script and template and SQL": row(name="<script>alert(1)</script>{{7*7}}'; DROP TABLE spans; --", uid="=1+1"),
    "CR and LF": row(tags={"a\r\nb": "c\r\nd"}, peer="x\r\ny"),
    "deep path": row(span_id="0" + ".1" * 5_000),
    "every flag": row(flags=2**40 - 1),
    "no name, no service": wire_message(wire_row(BAD, name=""), process={"service": ""}),
    "huge process facts": wire_message(wire_row(BAD), process={**PROCESS, "instance": "x" * 100_000}),
    "links to nowhere": row(links=[[bytes(16), 0, 0]] * 1_000),
}

SET_ASIDE = {
    "bytes in falling order": bytes(range(255, 0, -1)),
    "empty": b"",
    "unknown version": msgspec.msgpack.encode([99, PROCESS, [wire_row(1)]]),
    "malformed JSON": b'{"rows": [',
    "deep JSON": b"[" * 50_000 + b"]" * 50_000,
    "100,000 digits": json_row("x").replace(str(NOW).encode(), b"9" * 100_000),
    "NaN": json_row("x").replace(str(NOW).encode(), b"NaN"),
    "gzip that nobody announced": gzip.compress(row()),
    "short trace id": row(trace_id=b"short"),
    "unknown kind": row(kind=200),
    "no identity": row(id=0, span_id=""),
    "a trace id that is text": row(trace_id="text"),
    "bytes that are no text": row(uid="MARK").replace(b"MARK", b"\xff\xfe\xfd\xfc"),
}


@pytest.fixture
def line(engine: ClickHouse, tmp_path: Path) -> Any:
    journal = Journal(tmp_path / "journal.sqlite")
    writer = ClickHouseWriter(engine)
    yield journal, HandOver(journal, writer, HandOverSettings(block_seconds=0.0), clock=lambda: NOW)
    journal.close()


def hand_over(line: Any, bodies: list[bytes]) -> None:
    journal, over = line
    journal.append([("native", body) for body in bodies])
    for _ in range(20):
        over.step(0.0)
        (lane,) = over.lanes.values()
        assert not lane.trouble
        if lane.start >= journal.ends()[journal.key]:
            return
    raise AssertionError(lane)


@pytest.mark.parametrize("at_once", [True, False])
def test_poison_between_good_messages(line: Any, engine: ClickHouse, at_once: bool) -> None:
    """R2, C5: good neighbours are stored, each bad row is stored within limits or set aside, nothing stalls."""
    corpus = {**STORED, **SET_ASIDE}
    bodies: list[bytes] = []
    for number, body in enumerate(corpus.values()):
        bodies += [wire_message(wire_row(1_000 + number)), body, wire_message(wire_row(2_000 + number))]
    groups = [bodies] if at_once else [bodies[i : i + 3] for i in range(0, len(bodies), 3)]
    for group in groups:
        hand_over(line, group)
    with engine.reader() as handle:
        good = handle.command(f"SELECT uniqExact(id) FROM {engine.database}.spans WHERE id >= 1000 AND id < 3000")
        dead = handle.command(f"SELECT count() FROM {engine.database}.dead_letters")
        balance = handle.command(
            "SELECT sum(received) - sum(stored) - sum(dead) - sum(duplicate) - sum(sampled_out)"
            f" FROM {engine.database}.ledger"
        )
        parts = handle.query(f"SELECT DISTINCT _partition_id FROM {engine.database}.spans").result_rows
    assert good == 2 * len(corpus)
    assert dead == len(SET_ASIDE)
    assert balance == 0
    assert len(parts) <= 2
    if not at_once:
        assert differences(engine, rows_of(bodies, NOW)) == {}


@pytest.mark.parametrize("name", STORED)
def test_what_can_be_mended_is_stored(name: str) -> None:
    """C5: these rows are brought within the limits."""
    block = build_block([Message(0, "native", STORED[name])], Plan(0, 1, NOW))
    assert (block.rows, block.dead) == (1, [])


@pytest.mark.parametrize("name", SET_ASIDE)
def test_what_cannot_be_mended_is_set_aside(name: str) -> None:
    """C3: these have a reason and keep their bytes."""
    block = build_block([Message(0, "native", SET_ASIDE[name])], Plan(0, 1, NOW))
    assert (block.rows, len(block.dead)) == (0, 1)
    assert block.dead[0].reason


def test_a_full_disk_is_waited_out(engine: ClickHouse) -> None:
    """C2, R1: the engine refuses while space is short; the same token is stored once there is room."""
    writer = ClickHouseWriter(engine)
    block = build_block([Message(0, "native", wire_message(wire_row(1)))], Plan(0, 1, NOW))
    limit = f"ALTER TABLE {engine.database}.spans MODIFY SETTING min_free_disk_bytes_to_perform_insert"
    with engine.writer() as handle:
        handle.command(f"{limit} = 1000000000000000")
    for _ in range(2):
        with pytest.raises(StoreAwayError, match=r"NOT_ENOUGH_SPACE"):
            writer.write(block, "a")
    with engine.writer() as handle:
        handle.command(f"{limit} = 0")
    writer.write(block, "a")
    assert differences(engine, rows_of([wire_message(wire_row(1))], NOW)) == {}


def test_a_full_temporary_folder_is_waited_out(engine: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """C2, R1: an insert goes through a temporary file; without room for it nothing is lost."""
    writer = ClickHouseWriter(engine)
    block = build_block([Message(0, "native", wire_message(wire_row(1)))], Plan(0, 1, NOW))
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.tempdir", "/dev/null/nowhere")
        with pytest.raises(StoreAwayError):
            writer.write(block, "a")
    writer.write(block, "a")
    with engine.reader() as handle:
        assert handle.command(f"SELECT count() FROM {engine.database}.spans") == 1
