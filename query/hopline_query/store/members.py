"""Rows that meet a search's conditions: as subqueries of the traces that have such rows, and by their ids (Q2)."""

from collections.abc import Sequence
from string import Template

from hopline_query.search.filter import Expression, Term, anchored
from hopline_query.store.asking import Asker, statement
from hopline_query.store.conditions import Conditions, narrow, term_list
from hopline_query.store.port import MATCHED, SearchQuery
from hopline_query.store.rows import hex16

IN_RANGE = "start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64}"
"""Of a row, or of the first one of a trace."""


def members(query: SearchQuery, conditions: Conditions) -> list[str]:
    """The conditions that keep the traces with matching rows in the range."""
    listed = narrow(query)
    table = "$database.spans_by_service" if listed else "$database.spans"
    row = conditions.row(query, listed=listed)
    found = [_by_terms(query, query.expression, table, conditions)] if query.expression is not None else []
    # Rows that meet the terms are the service's and enter it: nothing else is to be found.
    told = query.asked() <= {"service", "entry", "expression"}
    if row and not (told and query.expression is not None and anchored(query.expression)):
        by_one = f"trace_id IN (SELECT trace_id FROM {table} WHERE {' AND '.join([IN_RANGE, *row])})"
        by_parts = _by_parts(query, conditions)
        found.append(f"({by_one} OR {by_parts})" if by_parts else by_one)
    return found


def _by_parts(query: SearchQuery, conditions: Conditions) -> str:
    """Traces of which a span that came in parts meets what no single row does; empty where that is not asked for."""
    among = Template(statement("traces_in_parts")).safe_substitute(of_service=_of_service(query, conditions))
    spans = _in_parts(query, conditions, "trace_id", among)
    return f"trace_id IN ({spans})" if spans else ""


def _in_parts(query: SearchQuery, conditions: Conditions, found: str, among: str) -> str:
    """Spans that meet the conditions in parts, as ``found`` names them; empty where none can be met so."""
    asked = query.part_terms() if query.in_parts else []
    if len(asked) < 2:
        return ""
    met = [conditions.having(part, {term: conditions.term(term) for term in term_list(part)}) for part in asked]
    return Template(statement("in_parts")).safe_substitute(
        found=found,
        among=among,
        of_service=_of_service(query, conditions),
        # Of one service its name tells nothing apart.
        span="trace_id, id, kind, instance" if query.service else "trace_id, id, kind, service, instance",
        met=", ".join(f"{test} AS met_{place}" for place, test in enumerate(met)),
        every=" AND ".join(f"max(met_{place})" for place in range(len(met))),
        columns=", ".join(f"met_{place}" for place in range(len(met))),
    )


def _of_service(query: SearchQuery, conditions: Conditions) -> str:
    return f"service = {conditions.bind(query.service)}" if query.service else "1"


def _by_terms(query: SearchQuery, expression: Expression, table: str, conditions: Conditions) -> str:
    """Traces whose rows meet the filter: every term becomes a column, the expression a HAVING."""
    terms = term_list(expression)
    texts = [conditions.term(term) for term in terms]
    inside = conditions.within(query, listed=narrow(query))
    tests = [" AND ".join([*inside, text]) for text in texts]
    columns = {term: f"max({test})" for term, test in zip(terms, tests, strict=True)}
    having = conditions.having(expression, columns)
    where = [IN_RANGE, *inside]
    if anchored(expression):
        where.append("(" + " OR ".join(f"({text})" for text in texts) + ")")
    rows = f"SELECT trace_id FROM {table} WHERE {' AND '.join(where)}"
    # A single term needs no grouping: every row that was found meets it.
    grouped = "" if isinstance(expression, Term) else f" GROUP BY trace_id HAVING {having}"
    return f"trace_id IN ({rows}{grouped})"


def any_row() -> str:
    """The condition that keeps the traces with any row in the range."""
    return f"trace_id IN (SELECT trace_id FROM $database.spans WHERE {IN_RANGE})"


def matched(asker: Asker, ids: Sequence[str], query: SearchQuery) -> dict[str, tuple[list[str], int]]:
    """Ids of the rows that met the conditions, by trace: the first ones, and how many there are."""
    conditions = Conditions()
    among = conditions.ids(ids)
    row = conditions.row(query, among=among)
    terms = [conditions.term(term) for term in term_list(query.expression)]
    within = conditions.within(query)
    matching = [" AND ".join(row)] if row else []
    if in_parts := _in_parts(query, conditions, "trace_id, id", f"trace_id IN ({among})"):
        matching.append(f"(trace_id, id) IN ({in_parts})")
    matching += [" AND ".join([*within, term]) for term in terms]
    if not ids or not matching:
        return {}
    text = Template(statement("matched")).safe_substitute(
        matched=" OR ".join(f"({part})" for part in matching), ids=among, most=str(MATCHED)
    )
    bounds = {"from_us": query.scope.from_us, "to_us": query.scope.to_us}
    return {
        i: (sorted(map(hex16, found)), total) for i, found, total in asker.rows(text, conditions.parameters | bounds)
    }
