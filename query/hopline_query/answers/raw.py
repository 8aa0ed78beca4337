"""What the dialects of other systems are put together from: rows, names and edges, within the service's limits."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from hopline.model import Row
from hopline_query.answers.dependencies import named_edges_of
from hopline_query.errors import BadRequestError
from hopline_query.params import DAY_US, Params
from hopline_query.search.ids import with_halves
from hopline_query.store.port import MOST_GROUPS, Edge, EdgesQuery, Scope, SearchQuery, SpanReader
from hopline_query.tree.copies import unite

MOST_IDS = 50
"""Traces in one answer by ids."""

MOST_ROWS = 200_000
"""Rows of all traces in one answer."""


class Traces(NamedTuple):
    """Rows of traces, copies united; ``truncated`` where rows or traces were left out."""

    traces: list[list[Row]]
    truncated: bool


class Calls(NamedTuple):
    """Edges of the map and their range; ``truncated`` where there are more."""

    edges: list[Edge]
    scope: Scope
    truncated: bool


def by_ids(reader: SpanReader, ids: Sequence[str], params: Params, field: str) -> Traces:
    """The traces that are there, in the order asked. Raises :class:`BadRequestError` for too many."""
    wanted = list(dict.fromkeys(ids))
    check_number(wanted, field)
    if not params.settings.strict_trace_ids:
        wanted = with_halves(wanted)
    limit = params.settings.trace_rows
    if len(wanted) == 1:
        found = {wanted[0]: reader.trace_rows(wanted[0], limit + 1)}
    else:
        found = reader.rows_of(wanted, limit + 1, MOST_ROWS)
    rows = [found[trace_id] for trace_id in wanted if found.get(trace_id)]
    cut = any(len(one) > limit for one in rows) or sum(map(len, rows)) >= MOST_ROWS
    return Traces([unite(one[:limit]) for one in rows], cut)


def check_number(ids: Collection[str], field: str) -> None:
    """Refuse more ids than one answer holds traces."""
    if len(ids) > MOST_IDS:
        raise BadRequestError(f"give at most {MOST_IDS} ids", field=field, column=1)


def newest(reader: SpanReader, queries: Sequence[SearchQuery], limit: int, params: Params) -> Traces:
    """The rows of the newest traces that meet one of the queries, up to :data:`MOST_ROWS` of all."""
    matching = {s.trace_id: s for query in queries for s in reader.search(query)[0]}
    found = sorted(matching.values(), key=lambda s: (s.start_us, s.trace_id), reverse=True)[:limit]
    kept, rows = 0, 0
    for summary in found:
        rows += summary.spans
        if kept and rows > MOST_ROWS:
            break
        kept += 1
    each = params.settings.trace_rows
    held = reader.many_rows(found[:kept], each)
    traces = [unite(held[summary.trace_id]) for summary in found[:kept]]
    return Traces(traces, kept < len(found) or any(len(rows) >= each for rows in held.values()))


def edges(reader: SpanReader, scope: Scope) -> Calls:
    """The map's edges of a range."""
    found, cut = named_edges_of(reader, EdgesQuery(scope, times=False), frozenset())
    return Calls(found, cut, len(found) >= MOST_GROUPS)


def kept(now_us: int) -> Scope:
    """Whatever is kept, and what a fast clock dated ahead."""
    return Scope(0, now_us + DAY_US)
