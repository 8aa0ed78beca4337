"""The wire format against its golden files. Run this file as a script to write them anew, on purpose only."""

import json
import sys
from pathlib import Path

import msgspec

GOLDEN = Path(__file__).parent / "golden"
sys.path.insert(0, str(Path(__file__).parent))

import wire_examples  # noqa: E402 - a sibling, found by the line above


def test_the_message_is_the_golden_one():
    """S2: the encoder writes wire version 1 byte for byte as the golden file has it."""
    assert wire_examples.message() == (GOLDEN / "wire_v1.msgpack").read_bytes()


def test_the_golden_message_reads_as_its_json_twin():
    """S2: the golden bytes say what the readable twin says."""
    decoded = msgspec.msgpack.decode((GOLDEN / "wire_v1.msgpack").read_bytes())
    assert wire_examples.readable(decoded) == json.loads((GOLDEN / "wire_v1.json").read_text())


def test_plain_rows_are_short():
    """S2: a child with two short tags takes at most 100 bytes."""
    from hopline import wire

    child = wire_examples.spans()[4]
    child.tags = {"tier": "gold", "cache": "miss"}
    assert len(wire.encode_row(wire.pack(child))) <= 100


if __name__ == "__main__":
    raw = wire_examples.message()
    (GOLDEN / "wire_v1.msgpack").write_bytes(raw)
    twin = wire_examples.readable(msgspec.msgpack.decode(raw))
    (GOLDEN / "wire_v1.json").write_text(json.dumps(twin, indent=1, ensure_ascii=False) + "\n")
