"""From a search to SQL conditions: names from our own lists, values always bound (R4)."""

from typing import Any

from hopline_query.search import FIELDS, And, Expression, Not, Or, Term, terms
from hopline_query.store.port import SearchQuery

NARROW = frozenset({"service", "operation", "errors", "min_span_duration", "max_span_duration"})
"""Row conditions that the narrow table by service can answer alone."""


class Conditions:
    """Collects bound parameters while conditions are written.

    ``indexed`` names keys that are stored as tags: equality on them needs no look into attrs, which
    only a scan can search, so the index alone answers.
    """

    def __init__(self, indexed: frozenset[str] = frozenset()) -> None:
        self.parameters: dict[str, Any] = {}
        self._indexed = indexed

    def bind(self, value: Any, kind: str = "String") -> str:
        """A placeholder for ``value``; ``kind`` is a ClickHouse type."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def row(self, query: SearchQuery) -> list[str]:
        """What one row must meet, all of it."""
        found = []
        for column, value in (
            ("service", query.service),
            ("name", query.operation),
            ("instance", query.instance),
            ("error_type", query.error_type),
        ):
            if value:
                found.append(f"{column} = {self.bind(value)}")
        found += self._call(query)
        if query.min_span_duration is not None:
            found.append(f"duration_us >= {self.bind(query.min_span_duration, 'UInt64')}")
        if query.max_span_duration is not None:
            found.append(f"duration_us <= {self.bind(query.max_span_duration, 'UInt64')}")
        if query.min_span_duration is not None or query.max_span_duration is not None:
            found.append("NOT unfinished")
        if query.errors and query.by_row:
            found.append("error")
        return found

    def whole(self, query: SearchQuery) -> list[str]:
        """What the trace's own figures must meet (names of store/sql/traces.sql)."""
        found = []
        scope = query.scope
        if scope.env:
            found.append(f"env = {self.bind(scope.env)}")
        if scope.load_test != "true":
            found.append("load_test" if scope.load_test == "only" else "NOT load_test")
        for comparison, value in (
            ("end_us - start_us >=", query.min_duration),
            ("end_us - start_us <=", query.max_duration),
            ("spans >=", query.min_spans),
        ):
            if value is not None:
                found.append(f"{comparison} {self.bind(value, 'UInt64')}")
        if query.errors and not query.by_row:
            found.append("errors > 0")
        if query.unfinished:
            found.append("unfinished > 0")
        return found

    def _call(self, query: SearchQuery) -> list[str]:
        """Rows of a call between two nodes of the map, from whichever side told of it."""
        if not query.caller and not query.callee:
            return []
        server, client = ["kind IN ('server', 'consumer')"], ["kind IN ('client', 'producer')"]
        if query.caller:
            server.append(f"{CALLER} = {self.bind(query.caller)}")
            client.append(f"service = {self.bind(query.caller)}")
        if query.callee:
            callee = self.bind(query.callee)
            server.append(f"service = {callee}")
            # The map shows a peer that never reported as external.
            client.append(f"({CALLEE} = {callee} OR concat('external:', {CALLEE}) = {callee})")
        return [f"({' AND '.join(server)} OR {' AND '.join(client)})"]

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
            return f"(has(kv, {pair}) OR (NOT mapContains(tags, {key}) AND {in_attrs}))"
        key = self.bind(term.key)
        if term.op == "exists":
            noted = f"arrayExists(a -> a.2 = {key} OR a.3 = {key}, annotations)"
            return f"(mapContains(tags, {key}) OR mapContains(attrs, {key}) OR {noted})"
        in_tags = self._compare(f"tags[{key}]", term)
        in_attrs = self._compare(f"attrs[{key}]", term)
        return (
            f"(mapContains(tags, {key}) AND {in_tags}"
            f" OR NOT mapContains(tags, {key}) AND mapContains(attrs, {key}) AND {in_attrs})"
        )

    def _field(self, term: Term) -> str:
        kind = FIELDS[term.field]
        if kind == "flag":
            failed = term.op == "exists" or term.value.lower() not in {"false", "0", "no"}
            return "error" if failed else "NOT error"
        if kind == "annotation":
            if term.op == "exists":
                return "notEmpty(annotations)"
            either = f"{self._compare('a.2', term)} OR {self._compare('a.3', term)}"
            return f"arrayExists(a -> {either}, annotations)"
        if kind == "duration":
            return f"(NOT unfinished AND {self._compare('toString(duration_us)', term)})"
        column = "toString(attempt)" if kind == "number" else f"toString({term.field})"
        known = "1" if kind == "number" else f"{column} != ''"
        return f"({known} AND {self._compare(column, term)})"

    def _compare(self, column: str, term: Term) -> str:
        match term.op:
            case "exists":
                return "1"
            case "=" | "!=":
                return f"{column} {term.op} {self.bind(term.value)}"
            case "~":
                return f"match({column}, {self.bind(term.value)})"
            case _:
                # The operator is one of the grammar's four; NULL where the text is no number.
                return f"ifNull(toFloat64OrNull({column}) {term.op} {self.bind(float(term.value), 'Float64')}, 0)"

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


CALLER = (
    "multiIf(kind = 'consumer' AND peer != '', concat('mq:', peer), caller_service != '', toString(caller_service),"
    " kind = 'server' AND parent_id = 0, 'USER', '')"
)
CALLEE = (
    "multiIf(kind = 'producer', concat('mq:', peer), peer_kind IN ('db', 'mq', 'cache', 'external'),"
    " concat(peer_kind, ':', peer), toString(peer))"
)
"""Node keys of the map, as the views of the edges write them."""


def narrow(query: SearchQuery) -> bool:
    """True where ``spans_by_service`` answers the row conditions: one service, nothing it lacks."""
    lacking = query.caller or query.callee or query.instance or query.error_type or query.expression
    return bool(query.service) and not lacking


def term_list(expression: Expression | None) -> list[Term]:
    """The distinct terms of an expression."""
    return list(dict.fromkeys(term for term, _ in terms(expression)))
