"""A user's traces, day by day."""

from collections.abc import Iterable

from hopline_query.store.planner import DAY_US
from hopline_query.store.port import UserDay
from hopline_query.tree.summary import TraceSummary


def by_day(found: Iterable[TraceSummary]) -> list[UserDay]:
    """The days on which these traces began, the newest first."""
    days: dict[int, UserDay] = {}
    for summary in found:
        start = summary.start_us
        day = UserDay(start // DAY_US * DAY_US, 1, int(summary.errors > 0), start, start)
        days[day.day_us] = united(days[day.day_us], day) if day.day_us in days else day
    return [days[day_us] for day_us in sorted(days, reverse=True)]


def united(one: UserDay, other: UserDay) -> UserDay:
    """The same day told by two sources that share no trace."""
    first, last = min(one.first_us, other.first_us), max(one.last_us, other.last_us)
    return UserDay(one.day_us, one.traces + other.traces, one.failed + other.failed, first, last)
