"""The slow path of a child span: its parent's counter is not open, has come to its end, or belongs to a callee."""

from typing import Final

from hopline.entry import Entry
from hopline.ids import new_trace_id, random_bits
from hopline.noop import NOOP
from hopline.propagation.traceparent import RANDOM_FLAG
from hopline.spans import Span

_SECOND: Final = 1_000_000_000


def slow_path_child(parent: Span, number: int, name: str, kind: str, tags: dict[str, str]) -> Span:
    """Child of a row whose counter is not open yet or has come to its end, or which hands its path on.

    Also each 1,024th child (``number`` is not 0 then): time to look at the buffer's bound.
    """
    row: Span | None = parent
    if not number:
        row = parent.numbering()
        if row is None or row.numbers is None:
            return NOOP  # a call at the root: its path belongs to the callee, so nothing here can be numbered
        number = next(row.numbers, 0)
    assert row is not None
    if not number:
        return restart_below(row, name, kind, tags)
    row.entry.process.admit()
    return Span(row.entry, row, number, random_bits(64), name, kind, tags)


def restart_below(parent: Span, name: str, kind: str, tags: dict[str, str]) -> Span:
    """New trace for a child of a row at the limit of depth; it shares decision and baggage."""
    old = parent.entry
    process = old.process
    process.counts.add("restarted_traces")
    process.admit()
    entry = Entry(process, new_trace_id(process.wall() // _SECOND), name, flags=old.flags, weight=old.weight)
    entry.baggage, entry.uid, entry.random = old.baggage, old.uid, RANDOM_FLAG
    span = Span(entry, None, 0, random_bits(64), name, kind, tags)
    span.link(parent.trace_id, parent.id, parent.kind)
    return span
