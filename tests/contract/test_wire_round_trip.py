"""What the client writes and what the collector reads are one thing."""

import sys
from pathlib import Path

import msgspec

from hopline.ids import span_hex
from hopline.model import KINDS
from hopline.rows import to_json, to_row
from hopline_collector.formats import native

sys.path.insert(0, str(Path(__file__).parent))

import wire_examples


def as_model(row, process: dict[str, str]) -> dict[str, object]:
    """The decoder's row under the model's names, so that it compares with the client's own."""
    caller = row.caller or ["", "", "", ""]
    flags = row.flags if row.flags is not None else 1
    return {
        "trace_id": row.trace_id.hex(),
        "span_id": row.span_id,
        "id": span_hex(row.id),
        "parent_id": span_hex(row.parent_id) if row.parent_id else None,
        "kind": KINDS[row.kind],
        "service": process["service"],
        "name": row.name,
        "start_us": row.start_us,
        "duration_us": row.duration_us,
        "tags": row.tags or {},
        "children": row.children or 0,
        "flags": flags & 7,
        "error": bool(flags & 8),
        "uid": row.uid or "",
        "caller_service": caller[0],
        "caller_instance": caller[1],
        "caller_zone": caller[2],
        "caller_name": caller[3],
        "peer": row.peer or "",
        "peer_kind": row.peer_kind or "",
        "weight": row.weight if row.weight is not None else 1_000,
        "error_type": row.error_type or "",
        "error_text": row.error_text or "",
        "annotations": [tuple(note) for note in row.annotations or []],
        "attrs": row.attrs or {},
        "links": [(trace.hex(), span_hex(number), KINDS[kind]) for trace, number, kind in row.links or []],
        "attempt": row.attempt or 0,
    }


def decoded(body: bytes) -> list[dict[str, object]]:
    found = native.decode(body)
    assert found.refused == []
    return [as_model(row, batch.process) for batch in found.batches for row in batch.rows]


def expected() -> list[dict[str, object]]:
    rows = [to_row(span, wire_examples.PROCESS) for span in wire_examples.spans()]
    names = as_model(native.decode(wire_examples.message()).batches[0].rows[0], wire_examples.PROCESS)
    return [{name: getattr(row, name) for name in names} for row in rows]


def test_messagepack_arrives_as_it_was():
    """S2: every field of every kind of row survives the wire."""
    assert decoded(wire_examples.message()) == expected()


def test_json_arrives_as_it_was():
    """S6: the HTTP transport's JSON is the same rows."""
    body = {
        "process": wire_examples.PROCESS,
        "rows": [to_json(span) for span in wire_examples.spans()],
        "report": wire_examples.REPORT,
    }
    assert decoded(msgspec.json.encode(body)) == expected()


def test_report_arrives():
    """S5: the sender's counters survive the wire."""
    (found,) = native.decode(wire_examples.message()).reports
    told = {name: getattr(found, name) for name in wire_examples.REPORT}
    assert told == wire_examples.REPORT
