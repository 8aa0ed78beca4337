"""How often the process looks for cycles: seldom, since blocks make none and are large.

Python walks its young objects whenever 700 more were made than freed. A block's dicts (one a
row) set that off again and again though they are freed with the block, by count. With a limit
above what a block holds they are never walked.
"""

import gc
from typing import Final

YOUNG_OBJECTS: Final = 200_000
"""More than the containers of two blocks; cycles of other threads wait for as many, some 40 MB at worst."""

Thresholds = tuple[int, int, int]


def look_seldom() -> Thresholds:
    """Raise the limit, unless it is higher already; returns what it was."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], YOUNG_OBJECTS) if before[0] else 0, *before[1:])
    return before


def look_as_before(before: Thresholds) -> None:
    """Undo :func:`look_seldom`."""
    gc.set_threshold(*before)
