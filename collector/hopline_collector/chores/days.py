"""Blocks that span many days, such as imports make, cut so that the engine takes them.

One insert may make parts in a hundred partitions at most, and tables are partitioned by
day. The cut follows the calendar, so every try of a block cuts it alike, and each piece
has a token of its own.
"""

from collections.abc import Iterator
from itertools import compress
from typing import Any, Final

from hopline_collector.block.core import INGEST_COLUMNS
from hopline_collector.block.limits import DAY_US

DAYS: Final = 50
"""Of one insert: rows lie in that many days, and what is derived from them in one or two more."""

_START: Final = INGEST_COLUMNS.index("start_us")


def by_days(columns: list[list[Any]], token: str) -> Iterator[tuple[list[list[Any]], str]]:
    """``(columns, token)`` of each insert, usually of the one. Columns are those of table ``ingest``, not empty."""
    starts = columns[_START]
    if max(starts) // DAY_US - min(starts) // DAY_US < DAYS:
        yield columns, token
        return
    pieces = [start // DAY_US // DAYS for start in starts]
    for piece in sorted(set(pieces)):
        chosen = [other == piece for other in pieces]
        yield [list(compress(column, chosen)) for column in columns], f"{token}/{piece}"
