"""Searches for traces: which rows match, which traces those are, in which order (Q2).

The matching rows give trace ids, the summaries give order and page; what a page shows
beyond that is read for its traces alone.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from string import Template
from typing import Any

from hopline_query.search import Term, anchored
from hopline_query.store.asking import Asker, statement
from hopline_query.store.conditions import Conditions, narrow, term_list
from hopline_query.store.figures import days_of
from hopline_query.store.port import COUNTED, QUIET_US, SPREAD_US, Details, SearchQuery, Summary
from hopline_query.store.rows import hex16

VALUES = {
    "newest": "start_us",
    "oldest": "start_us",
    "longest": "end_us - start_us",
    "shortest": "end_us - start_us",
    "errors": "errors",
    "spans": "spans",
}
COLUMNS = {
    "start_us": "min(t.start_us)",
    "end_us": "max(t.end_us)",
    "arrived": "max(t.arrived)",
    "spans": "sum(t.spans)",
    "errors": "sum(t.errors)",
    "unfinished": "sum(t.unfinished)",
    "load_test": "max(t.load_test)",
    "env": "max(t.env)",
    "rootless": "min(t.root.1)",
}
"""What a search may compare; only what it does compare is aggregated over all traces of the range."""
ASCENDING = frozenset({"oldest", "shortest"})
MATCHED = 100
"""Matched span ids that are listed of one trace."""


def search(asker: Asker, query: SearchQuery) -> tuple[list[Summary], int]:
    """One page and the number of all matches (see :class:`hopline_query.store.port.SpanReader`)."""
    conditions = Conditions(_indexed(asker, query))
    members = _members(query, conditions)
    whole = "".join(f" AND {part}" for part in conditions.whole(query))
    after = _after(query, conditions)
    words = set(re.findall(r"[a-z_]+", f"start_us {VALUES[query.order_by]} {whole} {after}"))
    columns = ", ".join(f"{text} AS {name}" for name, text in COLUMNS.items() if name in words)
    text = Template(statement("search")).safe_substitute(
        members=members,
        whole=whole,
        columns=columns,
        value=f"toInt64({VALUES[query.order_by]})",
        passed=", ".join(name for name in COLUMNS if name in words),
    )
    page = f"SELECT id, total, start_us FROM ({text}){after}{_order(query)} LIMIT {int(query.limit)}"
    found = asker.rows(page, conditions.parameters | bounds(query))
    if not found and query.after is not None:
        # Past the last page there is no row to carry the count of all matches.
        return [], search(asker, replace(query, after=None, limit=1))[1]
    summaries = _summaries(asker, [row[0] for row in found], [row[2] for row in found])
    return summaries, min(int(found[0][1]), COUNTED + 1) if found else 0


def _summaries(asker: Asker, ids: list[str], starts: list[int]) -> list[Summary]:
    """The whole summaries of a page, in its order."""
    if not ids:
        return []
    # A part of a trace lies at its start or later, within the time that rows are looked for.
    bounds = {"ids": ids, "low": min(starts), "high": max(starts) + 2 * SPREAD_US}
    found = {row[0]: _summary(row) for row in asker.file("summaries", bounds)}
    return [found[trace_id] for trace_id in ids if trace_id in found]


def bounds(query: SearchQuery) -> dict[str, int]:
    """The range of the query, and the wider one in which rows of its traces lie."""
    scope = query.scope
    low, high = max(0, scope.from_us - SPREAD_US), scope.to_us + SPREAD_US
    return {"low": low, "high": high, "from_us": scope.from_us, "to_us": scope.to_us}


def details(asker: Asker, summaries: Sequence[Summary], query: SearchQuery) -> dict[str, Details]:
    """What the page shows of each trace, by trace id."""
    if not summaries:
        return {}
    conditions = Conditions()
    row = conditions.row(query)
    terms = [conditions.term(term) for term in term_list(query.expression)]
    within = [f"service = {conditions.bind(query.service)}"] if query.service else []
    matching = [" AND ".join(row)] if row else []
    matching += [" AND ".join([*within, term]) for term in terms]
    matched = " OR ".join(f"({part})" for part in matching) or "0"
    ids = conditions.bind([s.trace_id for s in summaries], "Array(String)")
    bounds = {"low": min(s.start_us for s in summaries), "high": max(s.end_us for s in summaries)}
    text = Template(statement("details")).safe_substitute(matched=matched, ids=ids, most=str(MATCHED))
    answer = {}
    for trace_id, rows, errors, found, total, debug, weight, status, still_open, text_of_error in asker.rows(
        text, conditions.parameters | bounds
    ):
        services = {service: (count, errors.get(service, 0)) for service, count in rows.items()}
        answer[trace_id] = Details(
            services=services,
            matched=[hex16(id_) for id_ in found],
            matched_total=total,
            debug=bool(debug),
            weight=weight,
            status=status,
            still_open=still_open,
            error_text=text_of_error,
        )
    return answer


def _indexed(asker: Asker, query: SearchQuery) -> frozenset[str]:
    """Keys compared for equality that are stored as tags in these days."""
    keys = [term.key for term in term_list(query.expression) if term.op == "=" and not term.field]
    if not keys:
        return frozenset()
    found = asker.file("indexed_keys", days_of(query.scope) | {"keys": keys})
    return frozenset(row[0] for row in found)


def _members(query: SearchQuery, conditions: Conditions) -> str:
    """The condition that keeps the traces with matching rows, their users and their unfinished work."""
    parts = []
    if query.uid:
        uid = conditions.bind(query.uid)
        parts.append(
            "trace_id IN (SELECT trace_id FROM $database.traces_by_uid"
            f" WHERE uid = {uid} AND start_us BETWEEN {{low:UInt64}} AND {{high:UInt64}})"
        )
    row = conditions.row(query)
    if query.expression is not None:
        parts += _by_terms(query, row, conditions)
    elif row:
        table = "spans_by_service" if narrow(query) else "spans"
        where = " AND ".join([ROWS_IN_RANGE, *row])
        parts.append(f"trace_id IN (SELECT trace_id FROM $database.{table} WHERE {where})")
    if query.unfinished:
        parts.append(
            f"trace_id IN (SELECT trace_id FROM $database.spans WHERE {ROWS_IN_RANGE}"
            " GROUP BY trace_id, id, kind HAVING min(unfinished) = 1)"
        )
    return "".join(f" AND {part}" for part in parts)


ROWS_IN_RANGE = "start_us BETWEEN {low:UInt64} AND {high:UInt64}"


def _by_terms(query: SearchQuery, row: list[str], conditions: Conditions) -> list[str]:
    """Traces whose rows meet the filter: every term becomes a column, the expression a HAVING."""
    assert query.expression is not None
    terms = term_list(query.expression)
    texts = [conditions.term(term) for term in terms]
    inside = [f"service = {conditions.bind(query.service)}"] if query.service else []
    tests = [" AND ".join([*inside, text]) for text in texts]
    columns = {term: f"max({test})" for term, test in zip(terms, tests, strict=True)}
    having = conditions.having(query.expression, columns)
    where = [ROWS_IN_RANGE, *inside]
    if anchored(query.expression):
        where.append("(" + " OR ".join(f"({text})" for text in texts) + ")")
    rows = f"SELECT trace_id FROM $database.spans WHERE {' AND '.join(where)}"
    # A single term needs no grouping: every row that was found meets it.
    grouped = "" if isinstance(query.expression, Term) else f" GROUP BY trace_id HAVING {having}"
    parts = [f"trace_id IN ({rows}{grouped})"]
    if row:
        table_where = " AND ".join([ROWS_IN_RANGE, *row])
        parts.append(f"trace_id IN (SELECT trace_id FROM $database.spans WHERE {table_where})")
    return parts


def _after(query: SearchQuery, conditions: Conditions) -> str:
    """The rest after the page before: below its last trace, and nothing that was running at its time."""
    if query.after is None:
        return ""
    value, trace_id = query.after
    sign = ">" if query.order_by in ASCENDING else "<"
    last = f"({conditions.bind(value, 'Int64')}, {conditions.bind(trace_id)})"
    quiet = conditions.bind(query.as_of_us - QUIET_US, "Int64")
    settled = f"NOT ((unfinished > 0 OR rootless = 1) AND arrived > {quiet})"
    return f" WHERE (value, id) {sign} {last} AND {settled}"


def _order(query: SearchQuery) -> str:
    way = "ASC" if query.order_by in ASCENDING else "DESC"
    return f" ORDER BY value {way}, id {way}"


def _summary(row: tuple[Any, ...]) -> Summary:
    root, failure = _plain(row[11]), _plain(row[12])
    return Summary(
        trace_id=row[0],
        start_us=row[1],
        end_us=row[2],
        arrived=row[3],
        spans=row[4],
        errors=row[5],
        unfinished=row[6],
        load_test=bool(row[7]),
        env=row[8],
        services=sorted(row[9]),
        uids=sorted(row[10]),
        root=(bool(root[0]), root[1], root[2], root[3], root[4], bool(root[5])),
        failure=(failure[0], failure[1], failure[2], failure[3], failure[4]),
    )


def _plain(value: Any) -> tuple[Any, ...]:
    """Named tuples of the engine arrive as mappings."""
    return tuple(value.values()) if isinstance(value, dict) else tuple(value)
