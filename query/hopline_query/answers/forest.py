"""The trees of all traces that a search finds, for the questions that look at many at once.

Exact up to a stated number of rows; beyond it the newest traces are looked at, and the
answer says ``truncated``. Trees are kept between questions: a page asks several over one selection.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hopline_query.search.matching import Found, judged
from hopline_query.store.port import SearchQuery, SpanReader
from hopline_query.tree.build import build_tree
from hopline_query.tree.node import Node, Tree
from hopline_query.tree.summary import TraceSummary

MOST_TRACES = 5_000
"""Traces of one question."""

MOST_ROWS = 50_000
"""Rows of one question: some seconds of work where no tree of theirs is known yet."""

ROWS_A_TRACE = MOST_ROWS // MOST_TRACES
"""Rows that a question about fewer traces may read, for each of them."""

KEPT_ROWS = 200_000
"""Rows of all trees that are kept."""

REUSED_S = 1.0
"""How long a search is reused: one page asks several questions over it."""

CHUNK = 20_000
"""Rows that are read at once."""


@dataclass(frozen=True, slots=True)
class Grove:
    """The trees of a search, newest first, beside their figures."""

    trees: list[Tree]
    summaries: list[TraceSummary]
    truncated: bool
    """True where the search found more than were looked at."""

    judged: Found
    """The texts that the regular expressions of the search's filter find something in."""


Calls = Callable[[Grove, SearchQuery], Callable[[Tree], Sequence[Node]]]
"""What is looked for in trees: from everything that was read to the calls of one tree that are it."""


class Forest:
    """Reads and keeps trees. Safe for use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[tuple[int, int], Tree]] = OrderedDict()
        self._rows = 0
        self._groves: dict[tuple[SearchQuery, str, int], tuple[float, Grove]] = {}

    def grove(
        self,
        reader: SpanReader,
        query: SearchQuery,
        most: int = MOST_TRACES,
        *,
        afresh: bool = False,
        without: str = "",
        fitting: int = 0,
    ) -> Grove:
        """The trees of the newest ``most`` traces that ``query`` finds, whatever its page and order.

        ``afresh``: no search of before is reused, as where the reader holds what was there a moment ago.
        ``without``: a trace that is neither read nor counted, because the others are compared with it.
        ``fitting``: where not 0, the rows of all traces together: one with more than are left of them is passed over.
        """
        everything = replace(query, limit=most, after=None, order_by="newest", as_of_us=0)
        if afresh:
            return self._grove(reader, everything, without, fitting)
        asked = (everything, without, fitting)
        now = time.monotonic()
        with self._lock:
            self._groves = {each: kept for each, kept in self._groves.items() if now - kept[0] < REUSED_S}
            if (known := self._groves.get(asked)) is not None:
                return known[1]
        grove = self._grove(reader, *asked)
        with self._lock:
            self._groves[asked] = (time.monotonic(), grove)
        return grove

    def _grove(self, reader: SpanReader, query: SearchQuery, without: str, fitting: int) -> Grove:
        found, total = reader.search(query)
        others = [summary for summary in found if summary.trace_id != without]
        total -= len(found) - len(others)
        kept = _fitting(others, fitting) if fitting else _newest(others, query.limit * ROWS_A_TRACE)
        trees = self._trees(reader, kept)
        rows_of_all = (row for tree in trees for node in tree.nodes for row in node.rows)
        texts = judged(rows_of_all, query.expression, reader.judge)
        return Grove(trees, kept, len(kept) < total, texts)

    def _trees(self, reader: SpanReader, summaries: Sequence[TraceSummary]) -> list[Tree]:
        stamps = {s.trace_id: (s.arrived, s.spans) for s in summaries}
        with self._lock:
            known = {i: kept[1] for i, stamp in stamps.items() if (kept := self._known.get(i)) and kept[0] == stamp}
        lost = [summary for summary in summaries if summary.trace_id not in known]
        for chunk in _chunks(lost):
            for trace_id, rows in reader.many_rows(chunk, MOST_ROWS).items():
                known[trace_id] = tree = build_tree(rows, now_us=0)
                self._keep(trace_id, stamps[trace_id], tree)
        return [known[summary.trace_id] for summary in summaries]

    def _keep(self, trace_id: str, stamp: tuple[int, int], tree: Tree) -> None:
        with self._lock:
            old = self._known.pop(trace_id, None)
            self._rows += tree.rows - (old[1].rows if old else 0)
            self._known[trace_id] = (stamp, tree)
            while self._rows > KEPT_ROWS:
                self._rows -= self._known.popitem(last=False)[1][1].rows


def _newest(summaries: Sequence[TraceSummary], most: int) -> list[TraceSummary]:
    """The first, and those that follow it as long as all have no more than ``most`` rows."""
    kept: list[TraceSummary] = []
    rows = 0
    for summary in summaries:
        rows += summary.spans
        if rows > most and kept:
            break
        kept.append(summary)
    return kept


def _fitting(summaries: Sequence[TraceSummary], most: int) -> list[TraceSummary]:
    """Each that still fits into ``most`` rows, in turn."""
    kept: list[TraceSummary] = []
    for summary in summaries:
        if summary.spans <= most:
            most -= summary.spans
            kept.append(summary)
    return kept


def _chunks(summaries: Sequence[TraceSummary]) -> list[list[TraceSummary]]:
    """Neighbours in time together, up to :data:`CHUNK` rows."""
    chunks: list[list[TraceSummary]] = []
    rows = CHUNK
    for summary in summaries:
        if rows >= CHUNK:
            chunks.append([])
            rows = 0
        chunks[-1].append(summary)
        rows += summary.spans
    return chunks
