"""What an entry call is marked by: tags and fields of it, of the calls below it and of its root, and whom they call."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from hopline.model import CALL_KINDS, ENTRY_KINDS, Row
from hopline_query.search.fields import number
from hopline_query.topology.aggregate import caller_node
from hopline_query.tree.node import Node
from hopline_query.why.causes import FarEnd
from hopline_query.why.entries import Entry

FIELDS = ("version", "instance", "zone", "env")
"""Fields of every row that are compared."""

LONGEST = 256
"""Characters of a value that is compared; longer ones are texts, not values."""

Place = tuple[str, str, str]
"""``tag``, ``field`` or ``callee``; service; key."""

Marks = dict[Place, set[str]]


@dataclass(frozen=True, slots=True)
class Term:
    """One mark that calls have or lack."""

    kind: str
    """``tag``, ``field``, ``callee``, ``no_callee`` or ``range``."""
    service: str
    key: str
    op: str
    value: str

    def holds(self, marks: Marks) -> bool:
        """True where a call with these marks meets the term."""
        place = "callee" if self.kind == "no_callee" else "tag" if self.kind == "range" else self.kind
        values = marks.get((place, self.service, self.key), ())
        if self.kind == "no_callee":
            return self.value not in values
        if self.op == "=":
            return self.value in values
        bound = number(self.value)
        known = [held for value in values if (held := number(value)) is not None]
        return bound is not None and any((held >= bound) if self.op == ">=" else (held < bound) for held in known)


def marks_of(entry: Entry, far_end: FarEnd) -> Marks:
    """All marks of one entry call."""
    found = lasting_marks(entry, far_end)
    hour = datetime.fromtimestamp(entry.row.start_us // 1_000_000, UTC).hour
    found["field", entry.row.service, "hour"] = {str(hour)}
    return found


def lasting_marks(entry: Entry, far_end: FarEnd) -> Marks:
    """The same without what the call's start tells."""
    found: Marks = {}
    root = entry.tree.main
    below = entry.below
    for node in below:
        _of_rows(found, node.rows)
        for caller, callee in _calls(node, far_end):
            found.setdefault(("callee", caller, "callee"), set()).add(callee)
    if root is not None and not any(node is root for node in (below[0],)):
        _of_rows(found, root.rows)
    return found


def row_marks(row: Row) -> Marks:
    """The marks of one row alone."""
    found: Marks = {}
    _of_rows(found, (row,))
    return found


def _of_rows(found: Marks, rows: Iterable[Row]) -> None:
    for row in rows:
        service = row.service
        for pairs in (row.attrs, row.tags):
            for key, value in pairs.items():
                # Text of many lines, as a stack trace, tells what happened and marks no call.
                if len(value) <= LONGEST and "\n" not in value:
                    found.setdefault(("tag", service, key), set()).add(value)
        for key in FIELDS:
            if value := getattr(row, key):
                found.setdefault(("field", service, key), set()).add(value)
        found.setdefault(("field", service, "operation"), set()).add(row.name)
        if row.kind in ENTRY_KINDS and (caller := caller_node(row)):
            found.setdefault(("field", service, "caller"), set()).add(caller)


def _calls(node: Node, far_end: FarEnd) -> Iterable[tuple[str, str]]:
    """Caller and callee of a call, by the node keys of the map."""
    inner, outer = node.inner, node.outer
    if inner is None or outer is None or node.parent is None:
        return
    callee = inner.service if inner.kind in ENTRY_KINDS else far_end(inner) if inner.kind in CALL_KINDS else ""
    caller = outer.service if outer.kind in CALL_KINDS else caller_node(outer)
    if caller and callee:
        yield caller, callee
