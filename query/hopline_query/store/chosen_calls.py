"""Which rows of ``settled_calls`` a question means: the settled entry calls that meet a search (docs/why.md)."""

from collections.abc import Sequence
from dataclasses import replace

from hopline_query.search.filter import terms
from hopline_query.store.conditions import ENTRY, Conditions
from hopline_query.store.moving import NEVER_US, Moved, resting
from hopline_query.store.port import SearchQuery

OWN = frozenset({"service", "name", "kind", "instance", "version", "duration", "error", "error_type"})
"""Fields of a call's row that ``settled_calls`` holds; of others the row itself is asked."""


def among(conditions: Conditions, queries: Sequence[SearchQuery], moved: Moved) -> list[str]:
    """Conditions on calls of the services and hours of the searches that count and whose traces do not move."""
    bind = conditions.bind
    services = bind(sorted({query.service for query in queries}), "Array(String)")
    low = bind(min(query.scope.from_us for query in queries), "UInt64")
    high = bind(max(query.scope.to_us for query in queries), "UInt64")
    stale = f"SELECT trace_id, version FROM $database.settled_stale WHERE start_us < {high}"
    conditions.parameters["moved_after"] = NEVER_US
    return [
        f"service IN {services}",
        f"intDiv(start_us, 3600000000) BETWEEN intDiv({low}, 3600000000) AND intDiv({high}, 3600000000)",
        f"(trace_id, settled) NOT IN ({stale})",
        *resting(moved, conditions),
    ]


def meets(conditions: Conditions, query: SearchQuery) -> list[str]:
    """Conditions on a call that meets the search, by its own row and by its trace."""
    low, high = (conditions.bind(at, "UInt64") for at in (query.scope.from_us, query.scope.to_us))
    found = [f"start_us >= {low} AND start_us < {high}", f"service = {conditions.bind(query.service)}"]
    whole = conditions.whole(query)
    if (
        query.uid
        or query.unfinished
        or any(bound is not None for bound in (query.min_duration, query.max_duration, query.min_spans))
    ):
        traces = f"SELECT trace_id, version FROM $database.settled WHERE last_us >= {low} AND start_us < {high}"
        found.append(f"(trace_id, settled) IN ({' AND '.join([traces, *whole])})")
    else:
        found += whole
    return found + _row(conditions, query, low, high)


def _row(conditions: Conditions, query: SearchQuery, low: str, high: str) -> list[str]:
    """What the call's own row must meet."""
    asked = [term for part in (query.expression, *query.same) for term, _ in terms(part)]
    conditions_of_row = conditions.row(replace(query, entry=False))
    if query.expression is not None:
        columns = {term: conditions.term(term) for term, _ in terms(query.expression)}
        conditions_of_row.append(conditions.having(query.expression, columns))
    if not query.caller and not query.callee and all(term.field in OWN for term in asked):
        return conditions_of_row
    rows = (
        "SELECT trace_id, id, toString(kind), start_us FROM $database.spans"
        f" WHERE start_us >= {low} AND start_us < {high} AND {ENTRY}"
    )
    return [f"(trace_id, id, toString(kind), start_us) IN ({' AND '.join([rows, *conditions_of_row])})"]
