"""Whether a trace meets a filter: the meaning of the grammar, over rows in memory.

The SQL of the store says the same (store/conditions.py); one contract suite runs on both.
"""

import re
from collections.abc import Callable, Iterable

from hopline.model import Row
from hopline_query.search import FIELDS, And, Expression, Not, Or, Term

COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


def meets(rows: Iterable[Row], expression: Expression | None) -> bool:
    """True where the rows of one trace meet ``expression``, each term by any row."""
    known = list(rows)

    def holds(part: Expression) -> bool:
        match part:
            case Term():
                return any(row_meets(row, part) for row in known)
            case Not(inner):
                return not holds(inner)
            case And(parts):
                return all(holds(p) for p in parts)
            case Or(parts):
                return any(holds(p) for p in parts)

    return expression is None or holds(expression)


def row_meets(row: Row, term: Term) -> bool:
    """True where one row meets one term."""
    if term.field == "annotation":
        texts = [text for _, key, value in row.annotations for text in (key, value)]
        return any(_compare(text, term) for text in texts)
    if term.field == "error":
        return row.error is (term.value.lower() not in {"false", "0", "no"}) if term.op != "exists" else row.error
    if term.field == "duration":
        return row.duration_us is not None and _compare(str(row.duration_us), term)
    if term.field:
        value = str(getattr(row, term.field))
        known = value != "" or FIELDS[term.field] == "number"
        return known and _compare(value, term)
    if term.key in row.tags:
        return _compare(row.tags[term.key], term)
    if term.key in row.attrs:
        return _compare(row.attrs[term.key], term)
    # Zipkin's bare word is a tag key or an annotation.
    return term.op == "exists" and any(term.key in (key, value) for _, key, value in row.annotations)


def _compare(value: str, term: Term) -> bool:
    match term.op:
        case "exists":
            return True
        case "=":
            return value == term.value
        case "!=":
            return value != term.value
        case "~":
            return re.search(term.value, value) is not None
        case _:
            try:
                return COMPARE[term.op](float(value), float(term.value))
            except ValueError:
                return False
