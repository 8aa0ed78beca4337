"""What a search asks of rows and of whole traces, over rows in memory.

The SQL of the store says the same (store/conditions.py); one contract suite runs on both.
"""

from collections.abc import Callable, Iterable

from hopline.model import CALL_KINDS, Row
from hopline_query.search.filter import terms
from hopline_query.search.matching import Found, meets, row_meets
from hopline_query.store.port import MATCHED, SearchQuery
from hopline_query.topology import aggregate
from hopline_query.topology.pairing import by_minute
from hopline_query.tree.build import build_tree
from hopline_query.tree.copies import copies_of
from hopline_query.tree.summary import TraceSummary, summarize


def summary(rows: list[Row]) -> TraceSummary:
    """The figures of a trace."""
    return summarize(build_tree(rows, now_us=0))


def matching(rows: list[Row], query: SearchQuery, known: Found) -> TraceSummary | None:
    """The figures of a trace that meets the query, whole; its rows in the range are what conditions on rows judge."""
    scope = query.scope
    inside = [row for row in rows if scope.from_us <= row.start_us < scope.to_us]
    if not inside:
        return None
    called = called_in(rows, query)
    if query.by_row and not any(row_matches(row, query, called) for row in inside) and not _in_parts(inside, query):
        return None
    if query.uid and not any(row.uid == query.uid for row in rows):
        return None
    if not meets([row for row in inside if _within(row, query)], query.expression, known):
        return None
    found = summary(rows)
    return found if _whole_matches(found, query) else None


def _whole_matches(found: TraceSummary, query: SearchQuery) -> bool:
    """All of the query's conditions on the whole trace."""
    scope = query.scope
    return (
        (not scope.env or scope.env in found.envs)
        and (scope.load_test == "true" or found.load_test == (scope.load_test == "only"))
        and (not query.uid or query.uid in found.uids)
        and (query.min_duration is None or found.duration_us >= query.min_duration)
        and (query.max_duration is None or found.duration_us <= query.max_duration)
        and (query.min_spans is None or found.spans >= query.min_spans)
        and (not query.errors or query.by_row or found.errors > 0)
        and (not query.unfinished or found.unfinished > 0)
    )


def _within(row: Row, query: SearchQuery) -> bool:
    """True for a row that the terms of a filter are looked for in."""
    return query.service in {"", row.service} and (not query.entry or aggregate.is_entry(row))


def row_matches(row: Row, query: SearchQuery, called: Callable[[Row], bool]) -> bool:
    """All of the query's conditions on single rows, met by this one; ``called`` is that of its trace."""
    return (
        all(row_meets(row, term, {}) for term in query.row_terms())
        and all(meets([row], part, {}) for part in query.same)
        and (not query.entry or aggregate.is_entry(row))
        and called(row)
    )


def _in_parts(rows: Iterable[Row], query: SearchQuery) -> set[str]:
    """Ids of the spans of which some row lacks the duration and that meet the query in parts, if that is allowed."""
    if not query.in_parts:
        return set()
    asked = query.part_terms()
    of_service = [row for row in rows if row.id and query.service in {"", row.service}]
    return {
        span[0].id
        for span in copies_of(of_service)
        if any(row.duration_us is None for row in span)
        and all(any(meets([row], part, {}) for row in span) for part in asked)
    }


def called_in(rows: Iterable[Row], query: SearchQuery) -> Callable[[Row], bool]:
    """Whether a row of this trace is one of a call between the query's two nodes of the map, whoever told of its ends.

    Always true where the query names no node.
    """
    if not query.caller and not query.callee:
        return lambda _: True
    found = set()
    for told in aggregate.told_ends(rows, by_minute):
        names = query.told_callees() if told.row.kind in CALL_KINDS else (query.callee,)
        if query.caller in {"", told.caller} and (not query.callee or told.callee in names):
            found.add(id(told.row))
    return lambda row: id(row) in found


def matched(rows: list[Row], query: SearchQuery, known: Found) -> tuple[list[str], int]:
    """Ids of the rows that met the conditions on rows, the first ones, and how many there are."""
    scope = query.scope
    sought = [term for term, _ in terms(query.expression)]
    called = called_in(rows, query)
    inside = [row for row in rows if scope.from_us <= row.start_us < scope.to_us]
    found = _in_parts(inside, query) if query.by_row else set()
    found |= {
        row.id
        for row in inside
        if (query.by_row and row_matches(row, query, called))
        or (_within(row, query) and any(row_meets(row, term, known) for term in sought))
    }
    return sorted(found)[:MATCHED], len(found)
