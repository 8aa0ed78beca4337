"""One trace by its id: what the store knows of it, and its rows (W1).

A native id tells when it was made, so the summary, the marks and the rows of that hour come in one statement.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from string import Template
from typing import Any

import msgspec

from hopline.model import Row
from hopline_query.search.ids import created_us
from hopline_query.store import archived
from hopline_query.store.asking import SECONDS, Asker, statement
from hopline_query.store.planner import DAY_US, HOUR_US
from hopline_query.store.port import Hint
from hopline_query.store.rows import stored_copy, stored_order

FOREVER_US = 253_402_300_799_999_999

Days = tuple[int, int]


def hint(asker: Asker, trace_id: str) -> Hint | None:
    """See :class:`hopline_query.store.port.SpanReader`."""
    return _hint(asker, trace_id, [*_days(trace_id), (0, FOREVER_US)])


def trace(asker: Asker, trace_id: str, limit: int) -> tuple[Hint | None, list[Row]]:
    """See :class:`hopline_query.store.port.SpanReader`."""
    known: Hint | None = None
    found: list[Row] = []
    for low, high in _days(trace_id):
        hour = (low + DAY_US) // HOUR_US
        stored = asker.rows(_both(), {"trace_id": trace_id, "low": low, "high": high, "hour": hour, "limit": limit})
        found = [Row(*values[:-1]) for values in stored]
        known = _known(msgspec.json.decode(next((values[-1] for values in stored if values[-1]), "[]")))
    known = known or _hint(asker, trace_id, [(0, FOREVER_US)])
    first = found[0].start_us if found else FOREVER_US
    if known is not None and (known.archived or first > known.start_us or len(found) < min(known.spans, limit)):
        # Rows lie beyond those hours, in the archive, or came this very moment.
        found = rows(asker, trace_id, limit, known)
    return known, found


def _both() -> str:
    columns = statement("trace_rows").partition("FROM ")[0].rstrip()
    return Template(statement("trace")).safe_substitute(columns=columns, bounds=statement("trace_bounds"))


def rows(asker: Asker, trace_id: str, limit: int, known: Hint) -> list[Row]:
    """Rows by id within the bounds that are known, so that only this trace's granules are read."""
    parameters = {"ids": [trace_id], "low": known.start_us, "high": known.end_us, "limit": limit}
    found = [Row(*row) for row in asker.file("trace_rows", parameters)]
    return found if found and not known.archived else _united(asker, found, trace_id, limit)


def _united(asker: Asker, rows: list[Row], trace_id: str, limit: int) -> list[Row]:
    """The rows that retention left and those of the archive, each stored copy once."""
    left = {stored_copy(row) for row in rows}
    both = rows + [row for row in archived.rows_of(asker, [trace_id], limit) if stored_copy(row) not in left]
    return sorted(both, key=stored_order)[:limit]


def _hint(asker: Asker, trace_id: str, tries: Iterable[Days]) -> Hint | None:
    known, text = None, statement("trace_bounds")
    for low, high in tries:
        known = _known(asker.remembered(text, {"trace_id": trace_id, "low": low, "high": high}, SECONDS))
        if known is not None and not known.archived:
            break
    return known


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
    links = told["links"][4] if "links" in told else ()
    return replace(found, closed="closed" in told, linked_from=tuple(tuple(link) for link in links))


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


def _days(trace_id: str) -> list[Days]:
    """A native id tells its own time: the days around it are looked at first, all others only in need."""
    made = created_us(trace_id)
    return [(max(0, made - DAY_US), made + 2 * DAY_US)] if made else []
