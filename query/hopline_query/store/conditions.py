"""From a search to SQL conditions: names from our own lists, values always bound (R4)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from hopline_query.search import notes
from hopline_query.search.fields import JUDGED, Field, decimal
from hopline_query.search.filter import COMPARISONS, And, Expression, Not, Or, Term, terms
from hopline_query.store.port import SearchQuery


class Listed(NamedTuple):
    """Conditions that the settled row of a trace answers."""

    met: list[str]
    """Where all rows of the trace lie in the range: whether it matches."""
    possible: list[str]
    """Where some do: whether it may match. What some row of the trace has, none in the range may have."""
    told: str = ""
    """Whether the row answers at all; empty where each does."""


class Conditions:
    """Collects bound parameters while conditions are written.

    ``indexed`` names keys that are stored as tags alone: equality on them needs no look into attrs and
    annotations, which only a scan can search, so the index alone answers.
    """

    def __init__(self, indexed: frozenset[str] = frozenset()) -> None:
        self.parameters: dict[str, Any] = {}
        self._indexed = indexed

    def bind(self, value: Any, kind: str = "String") -> str:
        """A placeholder for ``value``; ``kind`` is a ClickHouse type."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def row(self, query: SearchQuery, *, listed: bool = False, among: str = "") -> list[str]:
        """What one row must meet, all of it; ``listed``: a row of the narrow table by service.

        ``among``: a subquery of trace ids, where rows of these traces alone are asked.
        """
        found = [self.term(term) for term in query.row_terms()] + self._call(query, among)
        for part in query.same:
            found.append(self.having(part, {term: self.term(term) for term, _ in terms(part)}))
        if query.entry:
            found.append("entry" if listed else ENTRY)
        return found

    def within(self, query: SearchQuery, *, listed: bool = False) -> list[str]:
        """What the rows must meet that the terms of a filter are looked for in; ``listed`` as for :meth:`row`."""
        found = [f"service = {self.bind(query.service)}"] if query.service else []
        return [*found, *(["entry" if listed else ENTRY] if query.entry else [])]

    def whole(self, query: SearchQuery) -> list[str]:
        """What the trace's own figures must meet (columns of ``settled``)."""
        found = []
        scope = query.scope
        for column, wanted in (("envs", scope.env), ("uids", query.uid)):
            if wanted:
                found.append(f"has({column}, {self.bind(wanted)})")
        if scope.load_test != "true":
            found.append("load_test" if scope.load_test == "only" else "NOT load_test")
        for comparison, value in (
            ("duration_us >=", query.min_duration),
            ("duration_us <=", query.max_duration),
            ("spans >=", query.min_spans),
        ):
            if value is not None:
                found.append(f"{comparison} {self.bind(value, 'UInt64')}")
        if query.errors and not query.by_row:
            found.append("errors > 0")
        if query.unfinished:
            found.append("unfinished > 0")
        return found

    def listed(self, query: SearchQuery) -> Listed | None:
        """The conditions on rows as a settled trace's lists answer them; None where only rows can."""
        if not query.by_any_row:
            return Listed([], [])
        if query.expression is not None:
            return self._tagged(query, query.expression)
        asked = query.asked()
        if (query.caller or query.callee) and asked <= {"caller", "callee", "errors"}:
            return self._ends(query)
        if not query.service or not asked <= {"service", "operation", "errors"} or (query.operation and query.errors):
            return None
        service = self.bind(query.service)
        found = [f"has(services, {service})"]
        if query.operation:
            # The index serves a constant alone: the pair of the list is put together here.
            found.append(f"has(operations, concat({service}, '\\0', {self.bind(query.operation)}))")
        if query.errors:
            found.append(f"arrayExists((s, e) -> s = {service} AND e > 0, services, service_errors)")
        return Listed(found, found)

    def _tagged(self, query: SearchQuery, expression: Expression) -> Listed | None:
        """A filter of tags that any row of the trace may meet: each term is in the list of them, or not."""
        asked = term_list(expression)
        if query.by_row or not all(term.op == "=" and not term.field and term.key in self._indexed for term in asked):
            return None
        columns = {term: f"has(tags, {self.bind(f'{term.key}={term.value}')})" for term in asked}
        met = self.having(expression, columns)
        return Listed([met], [self.having(unnegated(expression), columns | {ANYTHING: "1"})], "tagged")

    def _ends(self, query: SearchQuery) -> Listed:
        """The calls of one node, or between two: the column holds each call's ends together and alone.

        Callers tell of a callee by other names as well. Where one of these is also the name of a service in the trace,
        the column does not tell whose call it is.
        """
        failed = ", '\\0e'" if query.errors else ""

        def has(name: str) -> str:
            return f"has(calls, concat({self.bind(query.caller)}, '\\0', {self.bind(name)}{failed}))"

        called = has(query.callee)
        others = [name for name in query.told_callees() if name != query.callee] if query.callee else []
        told_by = " OR ".join(map(has, others))
        if not told_by:
            return Listed([called], [called], "called")
        namesake = f"hasAny(services, {self.bind(others, 'Array(String)')})"
        met = f"({called} OR {told_by})"
        return Listed([met], [met], f"(called AND ({called} OR NOT ({told_by}) OR NOT {namesake}))")

    def ids(self, trace_ids: Sequence[str]) -> str:
        """A subquery of trace ids, whatever their number."""
        bound = self.bind(list(trace_ids), "Array(String)")
        return f"SELECT toFixedString(unhex(arrayJoin({bound})), 16)"

    def _call(self, query: SearchQuery, among: str) -> list[str]:
        """Rows of a call between two nodes of the map, from whichever side told of it."""
        if not query.caller and not query.callee:
            return []
        names = query.told_callees()
        known = self.bind(list(names if query.callee else ()), "Array(String)")
        caller, callee = self.bind(query.caller), self.bind(query.callee)
        of_caller = f"service = {caller}" if query.caller else "1"
        of_callee = f"service = {callee}" if query.callee else "1"
        by_callee = f"{CALLER} = {caller}" if query.caller else "1"
        by_caller = f"has({known}, {CALLEE})" if query.callee else "1"
        found = [f"({RECEIVED} AND {of_callee} OR {SENT} AND {of_caller})"]
        # Of each kind of side: its rows that need the other one, and what is asked of the pair.
        sides = []
        if query.caller:
            sides.append((PAIRED_CALLEE, f"(role = 1 AND caller = {caller} AND {of_callee})"))
        if query.callee:
            sides.append((PAIRED_CALLER, f"(role = 0 AND has({known}, callee) AND {of_caller})"))
        paired, asked = (" OR ".join(parts) for parts in zip(*sides, strict=True))
        pairs = self._pairs(asked, (query.caller,) if query.caller else names, among)
        return [*found, f"if({paired}, {SIDE} IN ({pairs}), if({RECEIVED}, {by_callee}, {by_caller}))"]

    def _pairs(self, asked: str, names: Sequence[str], among: str) -> str:
        """Sides of calls, as :data:`SIDE` writes them. A pair is on the shard of its trace.

        Only calls are paired of which some side has or tells one of the ``names``: their numbers suffice, for one that
        two traces have is judged twice, and a set of numbers is asked in two thirds of the time of a set of keys. Of
        traces that are known those are paired that lie in the minutes of their rows.
        """
        if among:
            rows = f"SELECT start_us FROM $home.spans WHERE trace_id IN ({among}) AND {IN_HOURS}"
            minutes = f"SELECT toDateTime(intDiv(start_us, 60000000) * 60, 'UTC') FROM ({rows})"
            where = f"{IN_BUCKETS} AND bucket IN ({minutes}) AND trace_id IN ({among}) AND ({asked})"
            return f"SELECT trace_id, role, call, service, start_us FROM $home.paired_calls WHERE {where}"
        known = self.bind(list(names), "Array(String)")
        calls = f"SELECT call FROM $home.call_sides WHERE {IN_BUCKETS}"
        calls = f"{calls} AND (service IN {known} OR told IN {known})"
        where = f"{IN_BUCKETS} AND ({asked}) AND call IN ({calls})"
        return f"SELECT trace_id, role, call, service, start_us FROM $home.paired_calls WHERE {where}"

    def term(self, term: Term) -> str:
        """What a row must meet for one term."""
        if term.field:
            return self._field(term)
        if term.op == "=":
            # The index serves exactly this form.
            if term.key in self._indexed:
                return f"has(kv, {self.bind(f'{term.key}={term.value}')})"
            pair, key, value = self.bind(f"{term.key}={term.value}"), self.bind(term.key), self.bind(term.value)
            in_attrs = f"mapContains(attrs, {key}) AND attrs[{key}] = {value}"
            noted = notes.says_sql(self.bind, term.key, term.value)
            return f"(has(kv, {pair}) OR (NOT mapContains(tags, {key}) AND {in_attrs}) OR {noted})"
        key = self.bind(term.key)
        if term.op == "exists":
            noted = notes.names_sql(self.bind, term.key)
            return f"(mapContains(tags, {key}) OR mapContains(attrs, {key}) OR {noted})"
        in_tags = self._compare(f"tags[{key}]", term)
        in_attrs = self._compare(f"attrs[{key}]", term)
        return (
            f"(mapContains(tags, {key}) AND {in_tags}"
            f" OR NOT mapContains(tags, {key}) AND mapContains(attrs, {key}) AND {in_attrs})"
        )

    def _field(self, term: Term) -> str:
        field = JUDGED[term.field]
        if term.op == "exists":
            return field.exists
        if term.field == "annotation":
            each = field._replace(sql="text")
            return f"arrayExists(text -> {self._compare('text', term, each)}, {field.sql})"
        compared = self._compare(field.sql, term, field)
        # A text that equals something is there.
        return (
            compared if field.reads == "text" and term.op == "=" and term.value else f"({field.known} AND {compared})"
        )

    def _compare(self, text: str, term: Term, field: Field | None = None) -> str:
        if term.op == "~":
            return f"match({text}, {self.bind(term.value)})"
        if term.op not in COMPARISONS:
            return f"{text} {term.op} {self.bind(term.value)}"
        if field is not None and field.reads == "duration":
            return f"{field.number} {term.op} {self.bind(int(term.value), 'UInt64')}"
        # NULL where the text is no number.
        compared = field.sql_number if field is not None else decimal(text)
        return f"ifNull({compared} {term.op} {self.bind(float(term.value), 'Float64')}, 0)"

    def having(self, expression: Expression, columns: dict[Term, str]) -> str:
        """The expression over a trace, where ``columns`` holds what some row met."""
        match expression:
            case Term():
                return columns[expression]
            case Not(inner):
                return f"NOT ({self.having(inner, columns)})"
            case And(parts):
                return "(" + " AND ".join(self.having(part, columns) for part in parts) + ")"
            case Or(parts):
                return "(" + " OR ".join(self.having(part, columns) for part in parts) + ")"


ENTRY = "(kind IN ('server', 'consumer') OR parent_id = 0)"
"""A row by which work enters a service."""

CALLER = (
    "multiIf(kind = 'consumer' AND peer != '', concat('mq:', peer), caller_service != '', toString(caller_service),"
    " kind = 'server' AND parent_id = 0, 'USER', '')"
)
CALLEE = (
    "multiIf(kind = 'producer', concat('mq:', peer), peer_kind IN ('db', 'mq', 'cache', 'external'),"
    " concat(peer_kind, ':', peer), toString(peer))"
)
"""Node keys of the map, as the views of the edges write them."""

RECEIVED = "kind IN ('server', 'consumer')"
SENT = "kind IN ('client', 'producer')"

SHARED = "(\"foreign\" AND mapContains(attrs, 'zipkin.shared'))"
PAIRED_CALLEE = f"(kind = 'server' AND ({SHARED} OR (parent_id != 0 AND (\"foreign\" OR caller_service = ''))))"
PAIRED_CALLER = "(kind = 'client' AND if(\"foreign\", peer_kind NOT IN ('db', 'mq', 'cache'), peer_kind = ''))"
"""Rows that tell an end of their call only together with its other side: ``call_sides_view`` takes the same."""

SIDE = f"(trace_id, kind = 'server', if(kind = 'server' AND NOT {SHARED}, parent_id, id), toString(service), start_us)"
"""What the view ``paired_calls`` calls such a row: trace, role, call, service and start."""

IN_HOURS = (
    "intDiv(start_us, 3600000000) BETWEEN intDiv({from_us:UInt64}, 3600000000) AND intDiv({to_us:UInt64}, 3600000000)"
)
"""Rows and settled traces that start in the hours of the range: both are kept by the hour."""

IN_BUCKETS = (
    "bucket >= toDateTime(intDiv({from_us:UInt64}, 60000000) * 60, 'UTC')"
    " AND bucket <= toDateTime(intDiv({to_us:UInt64}, 60000000) * 60, 'UTC')"
)
"""Where sides of calls meet whose rows start in the range."""


ANYTHING = Term("", "exists", "")
"""Stands for what may or may not be so."""


def unnegated(expression: Expression) -> Expression:
    """What holds wherever the expression does, without its negations."""
    match expression:
        case Not():
            return ANYTHING
        case And(parts):
            return And(tuple(unnegated(part) for part in parts))
        case Or(parts):
            return Or(tuple(unnegated(part) for part in parts))
    return expression


BY_SERVICE = frozenset({"service", "name", "kind", "env", "caller_service", "duration", "error"})
"""Fields of a filter that ``spans_by_service`` holds."""


def narrow(query: SearchQuery) -> bool:
    """True where ``spans_by_service`` answers the row conditions: one service, nothing it lacks."""
    lacking = query.caller or query.callee or query.instance or query.error_type or query.same
    fields = {term.field for term in term_list(query.expression)}
    return bool(query.service) and not lacking and fields <= BY_SERVICE


def term_list(expression: Expression | None) -> list[Term]:
    """The distinct terms of an expression."""
    return list(dict.fromkeys(term for term, _ in terms(expression)))
