"""Searches by what only whole trees tell: a cause, a shape, repeated calls, a structure, terms of an entry call.

The trees of everything that the rest of the search finds are looked at (hopline_query.answers.forest);
those that hold a call which is looked for make the pages.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from hopline_query.answers import causes, differs, lists, shapes, structure
from hopline_query.answers.forest import MOST_TRACES, Calls, Forest
from hopline_query.answers.selection import most_traces
from hopline_query.params import Params
from hopline_query.store.paging import page
from hopline_query.store.port import COUNTED, MATCHED, SearchQuery, SpanReader
from hopline_query.tree.summary import TraceSummary
from hopline_query.why.marks import Term

VIEWS = ("tree", "flat", "timeline")
"""What ``shape`` means where traces are asked for by their ids."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What is looked for, and what that changes in the search for the traces that may hold it."""

    calls: Calls
    changes: Mapping[str, Any] = field(default_factory=dict)
    most: int = MOST_TRACES
    """Traces that are looked at, the newest."""


@dataclass(slots=True)
class NarrowedReader:
    """The two questions of a search, answered from trees."""

    reader: SpanReader
    forest: Forest
    narrowing: Narrowing
    total_calls: int = 0
    truncated: bool = False
    _found: dict[str, list[str]] = field(default_factory=dict)

    def search(self, query: SearchQuery) -> tuple[list[TraceSummary], int]:
        """One page of the traces that hold such a call, and how many do."""
        asked = replace(query, **self.narrowing.changes)
        grove = self.forest.grove(self.reader, asked, self.narrowing.most)
        nodes_of = self.narrowing.calls(grove, asked)
        kept = []
        self.total_calls, self.truncated, self._found = 0, grove.truncated, {}
        for tree, summary in zip(grove.trees, grove.summaries, strict=True):
            if nodes := nodes_of(tree):
                kept.append(summary)
                self.total_calls += len(nodes)
                self._found[summary.trace_id] = sorted({row.id for node in nodes for row in node.rows})
        return page(kept, query), min(len(kept), COUNTED + 1)

    def matched(self, trace_ids: Sequence[str], query: SearchQuery) -> dict[str, tuple[list[str], int]]:  # noqa: ARG002
        """Ids of the rows of the calls that were looked for."""
        return {i: (self._found[i][:MATCHED], len(self._found[i])) for i in trace_ids if i in self._found}


def asked(reader: SpanReader, params: Params, known: Callable[[Params], AbstractSet[str]]) -> Narrowing | None:
    """What the parameters of a search narrow it to; None where nothing of the kind is asked."""
    if cause := params.text("cause"):
        return _caused(reader, params, cause, known(params))
    if having := params.text("having"):
        return _having(reader, params, differs.terms_having(having), known(params))
    if (shape := params.text("shape")) and shape not in VIEWS:
        return Narrowing(shapes.traces_of(shape))
    if repeat := params.text("repeat"):
        return Narrowing(shapes.calls_repeated(repeat))
    if text := params.text("structure"):
        wanted, query = structure.searched(text), params.search()
        chosen = structure.candidates(query, wanted)
        changes = {"scope": chosen.scope, "expression": chosen.expression}
        return Narrowing(structure.calls_of(wanted, query.scope, reader), changes)
    return None


def _caused(reader: SpanReader, params: Params, wanted: str, known: AbstractSet[str]) -> Narrowing:
    """A cause; where causes were written, only traces that hold it are looked at."""
    changes: dict[str, Any] = {"errors": True}
    query = replace(params.search(), errors=True)
    among = causes.among(reader, query, wanted, known, MOST_TRACES + 1) if not params.text("traces") else None
    if among is not None:
        changes["settled_among"] = among.traces
        known = known | among.services
    return Narrowing(causes.calls_of(reader, wanted, known), changes, most_traces(params))


def _having(reader: SpanReader, params: Params, terms: Sequence[Term], known: AbstractSet[str]) -> Narrowing:
    """Terms of a finding; where the settled calls were written, only traces that hold them are looked at."""
    changes: dict[str, Any] = {"entry": True}
    query = replace(params.search(), entry=True)
    among = reader.settled_having(query, terms, MOST_TRACES + 1) if query.service else None
    if among is not None:
        changes["settled_among"] = tuple(among)
    return Narrowing(differs.calls_having(terms, known), changes, MOST_TRACES)


def search(narrowed: NarrowedReader, params: Params, query: SearchQuery) -> dict[str, Any]:
    """A page of a narrowed search: as any search, and ``calls``, the number of calls that were looked for."""
    answer = lists.page(narrowed, query, params)
    answer["calls"] = narrowed.total_calls
    answer["count_exact"] = answer["count_exact"] and not narrowed.truncated
    return answer
