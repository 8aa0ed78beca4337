"""The entry calls that a question is about, with the schedules of their time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hopline_query.answers.forest import MOST_TRACES, ROWS_A_TRACE, Forest, Grove
from hopline_query.answers.selection import of_base
from hopline_query.errors import BadRequestError
from hopline_query.params import Params
from hopline_query.store.port import SearchQuery, SpanReader
from hopline_query.why.clocks import righted
from hopline_query.why.entries import Entry, entries_of
from hopline_query.why.schedule import Schedule, schedule


@dataclass(frozen=True, slots=True)
class Selected:
    """Entry calls of one selection."""

    query: SearchQuery
    grove: Grove
    entries: list[Entry]
    truncated: bool


def asked(params: Params) -> SearchQuery:
    """The entry calls of ``service`` (and ``operation``) that meet the other parameters, as a search."""
    query = replace(params.search(), entry=True)
    if not query.service:
        raise BadRequestError("name the service whose entry calls are meant", field="service", column=1)
    return query


def selected(
    reader: SpanReader, forest: Forest, params: Params, most: int = MOST_TRACES, *, afresh: bool = False
) -> Selected:
    """The entry calls that are asked for, from their rows; with a ``most`` of its own, in traces that fit its rows."""
    query = asked(params)
    fitting = most * ROWS_A_TRACE if most < MOST_TRACES else 0
    grove = forest.grove(reader, query, most, afresh=afresh, fitting=fitting)
    return Selected(query, grove, entries_of(grove.trees, query, grove.judged), grove.truncated)


def base(reader: SpanReader, forest: Forest, params: Params, *, afresh: bool = False) -> Selected:
    """The entry calls of the base, by its own parameters and those that it shares with the selection."""
    return of_base(params, lambda its: selected(reader, forest, its, afresh=afresh))


def key_of(entry: Entry) -> tuple[str, int, bool]:
    """What tells an entry call from every other."""
    return entry.tree.trace_id, entry.node.index, entry.row is entry.node.inner


def schedules(entries: Sequence[Entry]) -> list[Schedule]:
    """The schedules of finished entry calls, with clocks that differ put right first."""
    return [schedule(entry) for entry in righted(entry for entry in entries if entry.row.duration_us is not None)]
