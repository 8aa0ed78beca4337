"""Which roll-up answers a question: range, age and step to the length of the slots that are read (L1).

The one place that knows it; pure, and the same for the store and its twin. Figures are kept in slots of
10 s, a minute and an hour. The finest go with the rows, the wider ones stay as long as the figures
(docs/retention.md); all of them go by whole days or months. A range that begins before a table does is read
from the next wider one, and what no table holds any more is said (:func:`unserved`).
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hopline_query.store.port import EDGES, FiguresQuery, Kept, Scope

SECOND_US = 1_000_000
TEN_SECONDS_US = 10 * SECOND_US
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
QUARTER_US = 15 * MINUTE_US
HALF_DAY_US = 12 * HOUR_US
DAY_US = 24 * HOUR_US

EARLY_US = HOUR_US
"""A day is taken for gone this long before it goes, because the collectors' clocks may be ahead."""

BY_MINUTE = frozenset({"instance", "zone"})
"""Groups that have no slots below a minute."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def kept(now_us: int, rows_us: int, figures_us: int) -> Kept:
    """From when on each table is there, for rows and figures that are kept so long before today."""
    today = EPOCH + timedelta(days=(now_us + EARLY_US) // DAY_US)
    rows, figures = (max(EPOCH, today - timedelta(days=us // DAY_US)) for us in (rows_us, figures_us))
    return Kept(_us(rows), _us(figures), _us(figures.replace(day=1)))


def slot_length(query: FiguresQuery) -> int:
    """Microseconds of the slots to read: the widest that fits the step, or the range, of those that are kept."""
    scope = query.scope
    finest = MINUTE_US if query.group in BY_MINUTE | EDGES else TEN_SECONDS_US
    if query.step_us:
        wanted = next((w for w in (HOUR_US, MINUTE_US) if query.step_us % w == 0), TEN_SECONDS_US)
    elif query.group in EDGES:
        return edge_slot(scope)
    else:
        width = scope.to_us - scope.from_us
        fine = QUARTER_US if whole_services(query) else HOUR_US
        wanted = TEN_SECONDS_US if width <= fine else MINUTE_US if width <= HALF_DAY_US else HOUR_US
    return _old_enough(max(wanted, finest), scope)


def whole_services(query: FiguresQuery) -> bool:
    """True where the roll-ups of services answer, which know no operations and no slots below a minute."""
    return query.group in {"service", "entry"} and not query.operation


def edge_slot(scope: Scope) -> int:
    """Microseconds of the map's slots for a range."""
    return _old_enough(MINUTE_US if scope.to_us - scope.from_us <= HALF_DAY_US else HOUR_US, scope)


def fitted(query: FiguresQuery) -> FiguresQuery:
    """The question with a step that the slots of its age can serve: as asked, or the next wider one."""
    slot = slot_length(query)
    if query.step_us % slot == 0:
        return query
    return fitted(replace(query, step_us=-(-query.step_us // slot) * slot))


def cut(scope: Scope, slot_us: int) -> Scope:
    """The range widened to whole slots: what is really read."""
    return replace(scope, from_us=scope.from_us // slot_us * slot_us, to_us=-(-scope.to_us // slot_us) * slot_us)


def unserved(scope: Scope, oldest_us: int) -> dict[str, int] | None:
    """The part of the range that is older than what is kept, None where all of it is served."""
    if scope.from_us >= oldest_us:
        return None
    return {"from_us": scope.from_us, "to_us": min(scope.to_us, oldest_us)}


def oldest_of(query: FiguresQuery) -> int:
    """From when on the widest table of a group holds figures."""
    return query.scope.kept.hours_us


def filling(starts: list[int], step_us: int, now_us: int) -> list[bool]:
    """Which slots are not over yet: their counts still grow."""
    return [start + step_us > now_us for start in starts]


def _old_enough(slot_us: int, scope: Scope) -> int:
    """The slot, or the narrowest wider one whose table reaches back to the range's begin."""
    begins = {TEN_SECONDS_US: scope.kept.rows_us, MINUTE_US: scope.kept.minutes_us, HOUR_US: 0}
    return next(width for width, begin in begins.items() if width >= slot_us and cut(scope, width).from_us >= begin)


def _us(at: datetime) -> int:
    return int((at - EPOCH).total_seconds()) * SECOND_US
