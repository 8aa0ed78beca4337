"""Ids of the store as text, and the order and identity of stored rows."""

from hopline.model import Row

Copy = tuple[str, str, int, int, bool]


def hex16(number: int) -> str:
    """16 lower-case hex digits, empty for 0."""
    return f"{number:016x}" if number else ""


def stored_order(row: Row) -> tuple[int, int, str, bool]:
    """The order in which the store answers the rows of a trace."""
    return (row.start_us, int(row.id or "0", 16), row.kind, row.duration_us is None)


def stored_copy(row: Row) -> Copy:
    """What tells one stored copy of a trace's row from another (hopline_collector.chores.archive)."""
    return (row.id, row.kind, row.start_us, row.arrived, row.duration_us is None)
