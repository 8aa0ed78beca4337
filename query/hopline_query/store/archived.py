"""Pinned traces whose days are gone: only the archive holds their rows, so they are searched in memory.

There are a handful of them, and the twin in memory knows every condition of a search.
"""

import time
from collections.abc import Sequence

from hopline.model import Row
from hopline_query.store.asking import Asker, statement
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import SearchQuery
from hopline_query.store.rows import columns, row_of

TRACES = 200
"""Pinned traces of one range that are searched, the newest."""

ROWS = 2_000
"""Rows of each."""

EXTENT_SECONDS = 30.0
"""How long it is remembered where the archive begins and ends: a pin made just now is still in the other tables."""


def rows_of(asker: Asker, ids: Sequence[str], limit: int) -> list[Row]:
    """Up to ``limit`` archived rows of each trace."""
    return [row_of(values) for values in asker.rows(archived_rows(), {"ids": list(ids), "limit": limit})]


def archived_rows() -> str:
    """The statement that reads the archive: the columns of every other row."""
    return columns() + statement("archived_rows")


class Pinned:
    """Finds pinned traces for searches. Most ranges have none, which is remembered for a while."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._known: tuple[float, int, int] = (0.0, 0, -1)
        """When it was looked up, and the first and last start in the archive."""

    def within(self, query: SearchQuery) -> MemoryReader | None:
        """Those of the query's range that no table but the archive holds; None where there are none."""
        first, last = self._extent()
        scope = query.scope
        if scope.to_us <= first or scope.from_us > last:
            return None
        bounds = {"from_us": scope.from_us, "to_us": scope.to_us, "most": TRACES}
        ids = [row[0] for row in self._asker.file("archived_ids", bounds)]
        return MemoryReader(rows_of(self._asker, ids, ROWS), judge=self._asker.judge) if ids else None

    def _extent(self) -> tuple[int, int]:
        at, first, last = self._known
        now = time.monotonic()
        if not at or now - at > EXTENT_SECONDS:
            text = "SELECT count(), min(start_us), max(start_us) FROM $database.archive"
            ((count, first, last),) = self._asker.rows(text)
            first, last = (first, last) if count else (0, -1)
            self._known = (now, first, last)
        return first, last
