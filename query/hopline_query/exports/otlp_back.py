"""What an OTLP span does not tell of its row, found by reading it back.

The collector's own decoder reads the request that was made; each field in which its row
differs from the one that went in is named in an attribute `hopline.*`, which the decoder knows.
"""

from typing import Any

import msgspec

from hopline.model import DEBUG, KINDS, LOAD_TEST, SAMPLED, WEIGHT_ONE, Row
from hopline_collector.formats import otlp_json
from hopline_collector.formats.decoded import FLAG_ERROR, WireRow
from hopline_query.exports.otlp_values import any_value

Json = dict[str, Any]
Group = tuple[Json, Json, list[tuple[Row, Json]]]
"""A resource, a scope, and their rows with the spans made of them."""

_FLAGS = {"load_test": LOAD_TEST, "debug": DEBUG, "sampled": SAMPLED}


def name_differences(groups: list[Group]) -> None:
    """Add to the attributes of each span what its row is beside what the span says."""
    pairs = [pair for _, _, spans in groups for pair in spans]
    body = {
        "resourceSpans": [
            resource | {"scopeSpans": [scope | {"spans": [made for _, made in spans]}]}
            for resource, scope, spans in groups
        ]
    }
    for batch in otlp_json.decode(msgspec.json.encode(body)).batches:
        for index, back in zip(batch.indexes or (), batch.rows, strict=True):
            row, made = pairs[index]
            more = differences(row, back)
            made["attributes"] += [{"key": f"hopline.{key}", "value": any_value(value)} for key, value in more.items()]


def differences(row: Row, back: WireRow) -> Json:
    """Fields of ``row`` by name where ``back``, what a collector would take it for, holds something else."""
    flags = back.flags or 0
    caller = [row.caller_service, row.caller_instance, row.caller_zone, row.caller_name]
    pairs: dict[str, tuple[Any, Any]] = {
        "id": (row.id, f"{back.id or 0:016x}"),
        "parent_id": (row.parent_id or "", f"{back.parent_id:016x}" if back.parent_id else ""),
        "peer": (row.peer, back.peer or ""),
        "peer_kind": (row.peer_kind, back.peer_kind or ""),
        "uid": (row.uid, back.uid or ""),
        "weight": (row.weight, back.weight or WEIGHT_ONE),
        "children": (row.children, back.children or 0),
        "attempt": (row.attempt, back.attempt or 0),
        "error": (row.error, bool(flags & FLAG_ERROR)),
        "error_type": (row.error_type, back.error_type or ""),
        "error_text": (row.error_text, back.error_text or ""),
        "caller": (caller, back.caller or [""] * 4),
        "link_kinds": ([link[2] for link in row.links], [KINDS[link[2]] for link in back.links or ()]),
    }
    pairs |= {name: (bool(row.flags & bit), bool(flags & bit)) for name, bit in _FLAGS.items()}
    found = {name: mine for name, (mine, theirs) in pairs.items() if mine != theirs}
    as_attrs = sorted(row.attrs.keys() & (back.tags or {}).keys() - row.tags.keys())
    return found | ({"attrs": as_attrs} if as_attrs else {})
