"""The one thing that answers: used by the HTTP API, the pages and the command line alike."""

import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from types import MappingProxyType
from typing import Any

from hopline_collector.block.limits import stored_text
from hopline_collector.door.sender import SEEN
from hopline_query.answers import (
    causes,
    critical_path,
    dependencies,
    differs,
    figures,
    lists,
    names,
    narrowing,
    raw,
    shapes,
    state,
    structure,
    tag_columns,
    traces,
    usual,
    worse,
)
from hopline_query.answers.forest import Forest
from hopline_query.answers.narrowing import NarrowedReader
from hopline_query.errors import BadRequestError, NotFoundError
from hopline_query.exports import FORMATS
from hopline_query.params import Params, QuerySettings, system_clock
from hopline_query.search.ids import Found, digest, find, opaque_of, short_of
from hopline_query.store.port import Scope, SearchQuery, SpanReader
from hopline_query.tree.compare import compare
from hopline_query.tree.header import header
from hopline_query.tree.node import Tree

Json = dict[str, Any]
Values = Mapping[str, str]
NOTHING: Values = MappingProxyType({})

FRESH_US = 1_000_000
"""How long a freshness block is reused: one page asks several questions."""

KNOWN_US = 60_000_000
"""How long the names of reporting services are reused, and whether rows were left out by sampling."""


class QueryService:
    """Answers questions about what is stored, as JSON-ready dicts (docs/api.md).

    Synchronous and safe for use from many threads. ``params`` are the parameters of the
    URL, text to text. Every method raises :class:`hopline_query.errors.QueryError`.

    Rows and names as such are there for the dialects of other systems (hopline_query.dialects).

    ``clock`` gives microseconds since the epoch; ``lag_us`` tells how far a collector in
    this process is behind, where there is one; ``wrong_ways`` how many ways of asking its
    canary found wrong.
    """

    def __init__(
        self,
        reader: SpanReader,
        *,
        clock: Callable[[], int] = system_clock,
        settings: QuerySettings | None = None,
        lag_us: Callable[[], int | None] = lambda: None,
        wrong_ways: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.settings = settings or QuerySettings()
        self._release = metadata.version("hopline")
        self._reader = reader
        self.clock = clock
        self._lag_us = lag_us
        self.wrong_ways = wrong_ways
        self._lock = threading.Lock()
        self._trees = traces.TreeCache()
        self._forest = Forest()
        self._fresh: tuple[int, Json] | None = None
        self._known: tuple[int, frozenset[str]] | None = None
        self._estimated: tuple[int, bool] | None = None

    def trace(self, trace_id: str, params: Values = NOTHING) -> Json:
        """One trace as tree, flat list or timeline."""
        read = self._params(params)
        return self._with_freshness(traces.trace(self._tree(trace_id, read), read))

    def trace_unless(self, known: str, trace_id: str, params: Values = NOTHING) -> tuple[Json | None, str]:
        """The same and its entity tag; None for the answer where ``known`` (If-None-Match) names that tag."""
        read = self._params(params)
        tree = self._tree(trace_id, read)
        mark = traces.mark(tree, read, self._release)
        if mark in {part.strip() for part in known.split(",")}:
            return None, mark
        return self._with_freshness(traces.trace(tree, read)), mark

    def traces(self, ids: str, params: Values = NOTHING) -> Json:
        """Several traces by comma-separated ids, and the ids that were not found."""
        wanted = list(dict.fromkeys(part.strip() for part in ids.split(",") if part.strip()))
        if not wanted:
            raise BadRequestError("give at least one id", field="ids", column=1)
        raw.check_number(wanted, "ids")
        found: list[Json] = []
        lost: list[Json] = []
        read = self._params(params)
        for one in wanted:
            try:
                found.append(traces.trace(self._tree(one, read), read))
            except NotFoundError as error:
                lost.append({"asked": one, "message": error.message, **(error.detail or {})})
        return self._with_freshness({"traces": found, "not_found": lost})

    def node(self, trace_id: str, key: str, params: Values = NOTHING) -> Json:
        """One node with all that the side panel shows."""
        return self._with_freshness(traces.node(self._reader, self._tree(trace_id, self._params(params)), key))

    def statistics(self, trace_id: str, params: Values = NOTHING) -> Json:
        """The nodes of a trace grouped by service, name or a tag."""
        read = self._params(params)
        return self._with_freshness(traces.statistics(self._tree(trace_id, read), read.text("by", "service")))

    def events(self, trace_id: str, params: Values = NOTHING) -> Json:
        """All annotations of a trace in time order."""
        read = self._params(params)
        limit = read.number("limit", 10_000, 1, 100_000)
        return self._with_freshness(traces.events(self._tree(trace_id, read), limit))

    def usual(self, trace_id: str, params: Values = NOTHING) -> Json:
        """A trace's calls that take longer themselves than they usually do."""
        read = self._params(params)
        return self._with_freshness(usual.answer(self._reader, self._forest, read, self._tree(trace_id, read)))

    def found(self, trace_id: str, params: Values = NOTHING) -> Json:
        """Places of a trace's calls whose names, tags or annotations hold ``words``."""
        read = self._params(params)
        return self._with_freshness(traces.found(self._tree(trace_id, read), read))

    def search(self, params: Values) -> Json:
        """A page of traces."""
        return self._timed(self._search, params)

    def points(self, params: Values) -> Json:
        """The same search for a scatter."""
        return self._timed(self._points, params)

    def causes(self, params: Values = NOTHING) -> Json:
        """What began the failures of a range."""
        return self._timed(lambda r, read: causes.answer(r, self._forest, read, self._instrumented(read)), params)

    def differs(self, params: Values) -> Json:
        """What sets selected entry calls apart from others."""
        return self._timed(lambda r, read: differs.answer(r, self._forest, read, self._instrumented(read)), params)

    def critical_path(self, params: Values) -> Json:
        """What decides how long the entry calls of an operation take."""
        return self._timed(lambda reader, read: critical_path.answer(reader, self._forest, read), params)

    def worse(self, params: Values) -> Json:
        """What changed between two periods, versions or filters, adding up."""
        return self._timed(lambda reader, read: worse.answer(reader, self._forest, read), params)

    def shapes(self, params: Values = NOTHING) -> Json:
        """The shapes of traces."""
        return self._timed(lambda reader, read: shapes.answer(reader, self._forest, read), params)

    def query(self, params: Values) -> Json:
        """A table of calls by a structural query."""
        return self._timed(lambda reader, read: structure.answer(reader, self._forest, read), params)

    def user(self, uid: str, params: Values = NOTHING) -> Json:
        """A user's traces and days."""
        return self._timed(lambda reader, read: lists.user(reader, uid, read, self._sampled), params)

    def services(self, params: Values = NOTHING) -> Json:
        """Services that reported."""
        return self._timed(names.services, params)

    def operations(self, params: Values = NOTHING) -> Json:
        """Operations of a service."""
        return self._timed(names.operations, params)

    def peers(self, params: Values) -> Json:
        """What a service calls."""
        return self._timed(lambda reader, read: names.peers(reader, read, self._instrumented(read)), params)

    def instances(self, params: Values = NOTHING) -> Json:
        """Processes of a service."""
        return self._timed(names.instances, params)

    def tag_keys(self, params: Values = NOTHING) -> Json:
        """Indexed tag keys."""
        return self._timed(names.tag_keys, params)

    def tag_values(self, key: str, params: Values = NOTHING) -> Json:
        """Values of a tag."""
        return self._timed(lambda reader, read: names.tag_values(reader, key, read), params)

    def envs(self, params: Values = NOTHING) -> Json:
        """Deployment environments."""
        return self._timed(names.envs, params)

    def stats(self, params: Values = NOTHING) -> Json:
        """Figures over a range."""
        return self._timed(lambda r, read: figures.stats(r, read, self._instrumented(read)), params)

    def series(self, params: Values) -> Json:
        """Figures slot by slot."""
        return self._timed(figures.series, params)

    def errors(self, params: Values = NOTHING) -> Json:
        """Error groups."""
        return self._timed(figures.errors, params)

    def heatmap(self, params: Values) -> Json:
        """Latency by time."""
        return self._timed(figures.heatmap, params)

    def dependencies(self, params: Values = NOTHING) -> Json:
        """The dependency map."""
        return self._timed(lambda r, read: dependencies.dependencies(r, read, self._instrumented(read)), params)

    def compare(self, a: str, b: str) -> Json:
        """Two traces side by side."""
        read = self._params(NOTHING)
        left, right = self._tree(a, read), self._tree(b, read)
        return self._with_freshness({"a": header(left), "b": header(right), "rows": compare(left, right)})

    def export(self, trace_id: str, form: str) -> tuple[bytes, str, str]:
        """A trace as a download: body, media type, file name."""
        if form not in FORMATS:
            raise BadRequestError(f"expected one of {', '.join(FORMATS)}, not {form[:32]!r}", field="format", column=1)
        make, media_type, suffix = FORMATS[form]
        tree = self._tree(trace_id, self._params(NOTHING))
        return make(tree), media_type, f"{tree.trace_id}.{suffix}"

    def find(self, text: str) -> Json:
        """What a pasted text names."""
        found = find(text)
        if stored := self._opaque(text) or self._short(text):
            found = Found("trace", stored)
        answer: Json = {"kind": found.kind, "trace_id": None, "uid": None, "filter": None, "candidates": []}
        field = {"trace": "trace_id", "user": "uid", "filter": "filter"}.get(found.kind)
        answer |= {field: found.value} if field else {}
        if found.kind == "filter" and self._is_user(text):
            answer["uid"] = stored_text("uid", text)
        return answer

    def rows_by_ids(self, ids: Sequence[str], field: str) -> raw.Traces:
        """Rows of traces by their 32-digit ids; ``field`` is named where there are too many."""
        return raw.by_ids(self._reader, ids, self._params(NOTHING), field)

    def rows_of_newest(self, queries: Sequence[SearchQuery], limit: int = 10_000) -> raw.Traces:
        """Rows of the newest traces that meet one of the queries."""
        return raw.newest(self._reader, queries, limit, self._params(NOTHING))

    def named(
        self, columns: tuple[str, ...], services: Sequence[str] | None = None, scope: Scope | None = None
    ) -> list[tuple[str, ...]]:
        """Distinct names of spans (see the reader's ``names``), of a range or of all that is kept."""
        return self._reader.names(scope or raw.kept(self.clock()), columns, services)

    def edges(self, scope: Scope) -> raw.Calls:
        """The map's edges of a range."""
        return raw.edges(self._reader, scope)

    def _is_user(self, text: str) -> bool:
        """Whether rows carry exactly this uid: no other of those that begin so sorts before it."""
        return self._reader.uids_like(stored_text("uid", text), 1) == [stored_text("uid", text)]

    def _opaque(self, text: str) -> str:
        """The id under which another tracer's own id, as its logs print it, is stored; empty where none is."""
        bare = opaque_of(text)
        return digest(bare) if bare and self._reader.hint(digest(bare)) is not None else ""

    def _short(self, text: str) -> str:
        """The stored trace whose id lost its leading zeros on the way; empty where none is."""
        found = short_of(text)
        return found if found and self._reader.hint(found) is not None else ""

    def range(self) -> Json:
        """The widest range with data."""
        return state.extent(self._reader)

    def system(self) -> Json:
        """Accounts, processes, sizes, version."""
        return self._with_freshness(state.system(self._reader, self.clock(), self._release))

    def freshness(self) -> Json:
        """How fresh the answers are."""
        now = self.clock()
        with self._lock:
            known = self._fresh
        if known is None or not 0 <= now - known[0] < FRESH_US:
            known = (now, state.freshness(self._reader, now, self._lag_us()))
            with self._lock:
                self._fresh = known
        return known[1]

    def _search(self, reader: SpanReader, params: Params) -> Json:
        calls, query = narrowing.asked(reader, params, self._instrumented), self._query(reader, params)
        if calls:
            found = narrowing.search(NarrowedReader(reader, self._forest, calls), params, query)
        else:
            found = lists.search(reader, params, query)
        return tag_columns.add(reader, found, params)

    def _points(self, reader: SpanReader, params: Params) -> Json:
        calls, query = narrowing.asked(reader, params, self._instrumented), self._query(reader, params)
        return lists.points(NarrowedReader(reader, self._forest, calls) if calls else reader, params, query)

    def _query(self, reader: SpanReader, params: Params) -> SearchQuery:
        query = params.search()
        return dependencies.with_callee_names(reader, query, self._instrumented(params)) if query.callee else query

    def _params(self, values: Values) -> Params:
        return Params(values, self.clock(), self.settings)

    def _tree(self, trace_id: str, params: Params) -> Tree:
        return traces.load(self._reader, trace_id, params, self._instrumented(params), self._trees)

    def _instrumented(self, params: Params) -> frozenset[str]:
        with self._lock:
            known = self._known
        if known is None or not 0 <= params.now_us - known[0] < KNOWN_US:
            known = (params.now_us, dependencies.known_services(self._reader, params))
            with self._lock:
                self._known = known
        return known[1]

    def _sampled(self, params: Params) -> bool:
        with self._lock:
            known = self._estimated
        if known is None or not 0 <= params.now_us - known[0] < KNOWN_US:
            known = (params.now_us, lists.sampled(self._reader, params))
            with self._lock:
                self._estimated = known
        return known[1]

    def _timed(self, answer: Callable[[SpanReader, Params], Json], values: Values) -> Json:
        params = self._params(values)
        result = answer(self._reader, params)
        result["took_ms"] = max(0, (self.clock() - params.now_us) // 1_000)
        return self._with_freshness(result)

    def _with_freshness(self, answer: Json) -> Json:
        fresh = self.freshness()
        if seen := SEEN.get():
            fresh = fresh | {"dropping": [told for told in fresh["dropping"] if told["service"].startswith(seen)]}
        answer["freshness"] = fresh
        return answer
