"""Messages that another tracer tells of: each counts once on the map, though its row may come unfinished and finished.

Such a tracer reports a message as it passes, often without a duration and sometimes again with one. The rule is that
of the store's view ``paired_calls`` (docs/schema.md, Pairing).
"""

from collections.abc import Iterable, Iterator

from hopline.model import LOAD_TEST, Row
from hopline_query.topology.pairing import Meeting, Pair, anywhere, is_foreign


def is_message(row: Row) -> bool:
    """True for a producer's or consumer's row of another tracer."""
    return row.kind in {"producer", "consumer"} and is_foreign(row)


def messages(rows: Iterable[Row], meeting: Meeting = anywhere) -> Iterator[Pair]:
    """One side a message: of the rows of one identity that meet a finished one, and of those the earliest.

    An end may be told by any of them; a message without both ends is left out.
    """
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in filter(is_message, rows):
        for bucket, own in meeting(row):
            if own:
                key = (bucket, row.trace_id, row.id, row.kind, row.service, row.instance)
                found.setdefault(key, []).append(row)
    for copies in found.values():
        row, other = min(copies, key=_preference), max(map(_other, copies))
        if other:
            ends = (row.service, other) if row.kind == "producer" else (other, row.service)
            yield Pair(row, *ends, row.caller_zone)


def _other(row: Row) -> str:
    """Node key of the topic, or who sent."""
    if row.peer:
        return f"mq:{row.peer}"
    return row.caller_service if row.kind == "consumer" else ""


def _preference(row: Row) -> tuple[object, ...]:
    unfinished = row.duration_us is None
    facts = (row.zone, row.env, bool(row.flags & LOAD_TEST), row.error, row.weight)
    return (unfinished, row.start_us, row.duration_us or 0, *facts)
