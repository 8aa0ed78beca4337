"""The orders of a search, pages of it, and one page out of two sources."""

from hopline_query.store.port import COUNTED, SearchQuery
from hopline_query.tree.summary import TraceSummary

ASCENDING = frozenset({"oldest", "shortest"})
"""Orders that begin with the smallest value."""

Found = tuple[list[TraceSummary], int]
"""One page and the number of all matches, counted to ``COUNTED`` + 1 at most."""


def order_value(summary: TraceSummary, order_by: str) -> int:
    """What an order compares, by the whole trace's value."""
    match order_by:
        case "longest" | "shortest":
            return summary.duration_us
        case "errors":
            return summary.errors
        case "spans":
            return summary.spans
        case _:
            return summary.start_us


def place(summary: TraceSummary, order_by: str) -> tuple[int, int]:
    """Sorts traces in an order, ties by trace id."""
    sign = 1 if order_by in ASCENDING else -1
    return sign * order_value(summary, order_by), sign * int(summary.trace_id, 16)


def page(found: list[TraceSummary], query: SearchQuery) -> list[TraceSummary]:
    """The query's page of traces in any order: what follows the last trace of the page before."""
    ordered = sorted(found, key=lambda summary: place(summary, query.order_by))
    if query.after is not None:
        sign = 1 if query.order_by in ASCENDING else -1
        last = (sign * query.after[0], sign * int(query.after[1], 16))
        ordered = [summary for summary in ordered if place(summary, query.order_by) > last]
    return ordered[: query.limit]


def unite(one: Found, other: Found, query: SearchQuery) -> Found:
    """One page out of two that share no trace."""
    return page(one[0] + other[0], query), min(one[1] + other[1], COUNTED + 1)
