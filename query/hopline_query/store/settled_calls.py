"""The entry calls of a settled trace as rows of ``settled_calls``, made from its tree (docs/schema.md)."""

from typing import Any

from hopline.model import LOAD_TEST
from hopline_query.topology.aggregate import callee_node, is_entry
from hopline_query.tree.node import Tree
from hopline_query.why.clocks import righted
from hopline_query.why.entries import Entry
from hopline_query.why.marks import Marks, Term, lasting_marks, row_marks
from hopline_query.why.schedule import Part, path, schedule, straight

COLUMNS = (
    *("trace_id", "settled", "began_us", "load_test", "envs", "id", "kind", "service", "name", "instance", "version"),
    *("start_us", "duration_us", "unfinished", "error", "error_type", "told", "parts", "parts_us", "marks", "cut"),
)
"""Columns of ``settled_calls``, as :func:`of_tree` answers them."""

SEPARATOR = "\0"

KINDS = {"tag": "t", "field": "f", "callee": "c"}
"""First letter of a stored mark."""

MOST = 200_000
"""Nodes below all entry calls of a trace: of more, each call is marked by its own row alone."""

WAITS = {"own": "o", "network": "n"}
"""First letter of a stored part of a call's time."""

_NAMES = {letter: kind for kind, letter in KINDS.items()}
_WAITS = {letter: wait for wait, letter in WAITS.items()}


def of_tree(tree: Tree, settled: int) -> list[tuple[Any, ...]]:
    """One row for each entry call of a trace that was settled with this version."""
    entries = [Entry(tree, node, row) for node in tree.nodes for row in node.rows if is_entry(row)]
    rows = [row for node in tree.nodes for row in node.rows]
    cut = sum(entry.node.subtree_nodes for entry in entries) > MOST
    trace = (
        bytes.fromhex(tree.trace_id),
        settled,
        tree.start_us,
        int(any(row.flags & LOAD_TEST for row in rows)),
        sorted({row.env for row in rows} - {""}),
    )
    return [
        (
            *(*trace, *_own(entry), *((0, [], []) if cut else _parts(entry, right))),
            *(texts(row_marks(entry.row) if cut else lasting_marks(entry, callee_node)), int(cut)),
        )
        for entry, right in zip(entries, entries if cut else righted(entries), strict=True)
    ]


def part_text(part: Part) -> str:
    """A part of a call's time as it is stored."""
    return SEPARATOR.join((WAITS[part.wait], part.service, part.operation))


def part_of(stored: str) -> Part:
    """The part that a stored text is."""
    letter, service, operation = stored.split(SEPARATOR, 2)
    return Part(service, operation, _WAITS[letter])


def _parts(entry: Entry, right: Entry) -> tuple[int, list[str], list[int]]:
    """Whether the parts of a call's time are told, and these: where it did one thing after the other."""
    if entry.row.duration_us is None or right.took_us != entry.row.duration_us or not straight(plan := schedule(right)):
        return 0, [], []
    us = path(plan)[0]
    return 1, [part_text(part) for part in us], list(us.values())


def _own(entry: Entry) -> tuple[Any, ...]:
    row = entry.row
    return (
        int(row.id or "0", 16),
        row.kind,
        row.service,
        row.name,
        row.instance,
        row.version,
        row.start_us,
        row.duration_us or 0,
        int(row.duration_us is None),
        int(row.error),
        row.error_type,
    )


def texts(marks: Marks) -> list[str]:
    """Marks as they are stored."""
    return [
        SEPARATOR.join((KINDS[kind], service, key, value))
        for (kind, service, key), values in marks.items()
        for value in values
    ]


def text_of(term: Term) -> str:
    """The stored mark that a term of equality is."""
    return SEPARATOR.join((KINDS[term.kind], term.service, term.key, term.value))


def term_of(stored: str) -> Term:
    """The term that a stored mark is."""
    letter, service, key, value = stored.split(SEPARATOR, 3)
    return Term(_NAMES[letter], service, key, "=", value)
