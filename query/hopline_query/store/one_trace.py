"""One trace by its id: what the store knows of it, and its rows (W1).

A native id tells when it was made: its rows of that hour are read while its summary and marks are looked up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hopline.model import Row
from hopline_query.search.ids import created_us
from hopline_query.store import archived
from hopline_query.store.asking import SECONDS, Asker, statement
from hopline_query.store.beside import beside
from hopline_query.store.planner import HOUR_US
from hopline_query.store.port import Hint
from hopline_query.store.rows import columns, hex16, row_of, stored_copy, stored_order, values_of

FOREVER_US = 253_402_300_799_999_999


def hint(asker: Asker, trace_id: str) -> Hint | None:
    """See :class:`hopline_query.store.port.SpanReader`."""
    return _known(asker.remembered(statement("trace_bounds"), {"trace_id": trace_id}, SECONDS))


def trace(asker: Asker, trace_id: str, limit: int) -> tuple[Hint | None, list[Row]]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    made = created_us(trace_id)
    if not made:
        known = hint(asker, trace_id)
        return known, rows(asker, trace_id, limit, known) if known is not None else []
    facts = beside(lambda: hint(asker, trace_id))
    where = {"trace_id": trace_id, "hour": made // HOUR_US, "limit": limit}
    found = [row_of(values) for values in asker.rows(columns() + statement("trace"), where)]
    known = facts()
    first = found[0].start_us if found else FOREVER_US
    if known is not None and (known.archived or first > known.start_us or len(found) < min(known.spans, limit)):
        # Rows lie beyond those hours, in the archive, or came this very moment.
        found = rows(asker, trace_id, limit, known)
    return known, found


def rows(asker: Asker, trace_id: str, limit: int, known: Hint) -> list[Row]:
    """Rows by id within the bounds that are known, so that only this trace's granules are read."""
    parameters = {"ids": [trace_id], "low": known.start_us, "high": known.end_us, "limit": limit}
    found = [row_of(row) for row in asker.file("trace_rows", parameters)]
    return found if found and not known.archived else _united(asker, found, trace_id, limit)


def _united(asker: Asker, rows: list[Row], trace_id: str, limit: int) -> list[Row]:
    """The rows that retention left and those of the archive, each stored copy once."""
    left = {stored_copy(row) for row in rows}
    both = rows + [row for row in archived.rows_of(asker, [trace_id], limit) if stored_copy(row) not in left]
    return sorted(both, key=stored_order)[:limit]


def _known(bounds: Iterable[Sequence[Any]]) -> Hint | None:
    """What the sources of trace_bounds.sql tell together."""
    told = {source: facts for source, *facts in bounds if facts[2]}
    archive = Hint(*told["archive"][:4]) if "archive" in told else None
    if "summary" in told:
        found = _with_archive(Hint(*told["summary"][:4]), archive)
    elif archive is not None:
        found = replace(archive, archived=True)
    else:
        return None
    links = map(values_of, told["links"][4] if "links" in told else ())
    linked = sorted((linking.hex(), hex16(number), kind) for linking, number, kind in links)
    return replace(found, closed="closed" in told, linked_from=tuple(linked))


def _with_archive(summary: Hint, archive: Hint | None) -> Hint:
    """The archive counts where the trace began on a day that is gone: otherwise it holds copies alone."""
    if archive is None or archive.start_us >= summary.start_us:
        return summary
    return Hint(
        archive.start_us,
        max(archive.end_us, summary.end_us),
        archive.spans + summary.spans,
        max(archive.arrived, summary.arrived),
        archived=True,
    )
