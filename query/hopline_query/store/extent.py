"""How far the whole store reaches in time, and about how many traces it holds."""

from string import Template

from hopline_query.store.asking import Asker, statement
from hopline_query.store.moving import NEVER_US, moving_ids


def extent(asker: Asker) -> tuple[int, int, int]:
    """First start, last start of a row and number of traces; zeros for an empty store."""
    first, last, settled, stale = asker.remembered(statement("extent"), {})[0]
    text = Template(statement("extent_moving")).safe_substitute(ids=moving_ids())
    low, high, moving, fresh = asker.remembered(text, {"moved_after": NEVER_US})[0]
    if not settled and not moving:
        return 0, 0, 0
    lows = [start for start, known in ((first, settled), (low, moving)) if known]
    return min(lows), max(last, high), settled - stale + fresh
