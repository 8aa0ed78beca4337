"""Whether a trace meets a filter: the meaning of the grammar, over rows in memory.

The SQL of the store says the same (store/conditions.py); one contract suite runs on both.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from hopline.model import Row
from hopline_query.errors import BadRequestError
from hopline_query.search.fields import JUDGED, number
from hopline_query.search.filter import And, Expression, Not, Or, Term, terms
from hopline_query.search.notes import names, says

COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


Judge = Callable[[str, Collection[str]], Collection[str]]
"""Those of the texts that a regular expression of RE2 finds something in.

Whoever holds rows of users passes the engine's: Python's own takes exponential time for
some patterns.
"""

Found = Mapping[str, Collection[str]]
"""Pattern -> the texts that it finds something in."""


def no_judge(pattern: str, texts: Collection[str]) -> Collection[str]:  # noqa: ARG001  a judge's
    """Where there is no engine, there are no patterns."""
    raise BadRequestError("regular expressions need the engine of a store", field="filter")


def judged(rows: Iterable[Row], expression: Expression | None, judge: Judge) -> Found:
    """Every regular expression of a filter over all texts of the rows that it is compared with."""
    known = list(rows)
    patterns: dict[str, set[str]] = {}
    for term, _ in terms(expression):
        if term.op == "~":
            compared = patterns.setdefault(term.value, set())
            for row in known:
                compared.update(_texts(row, term))
    return {pattern: judge(pattern, texts) if texts else () for pattern, texts in patterns.items()}


def meets(rows: Iterable[Row], expression: Expression | None, found: Found) -> bool:
    """True where the rows of one trace meet ``expression``, each term by any row."""
    known = list(rows)

    def holds(part: Expression) -> bool:
        match part:
            case Term():
                return any(row_meets(row, part, found) for row in known)
            case Not(inner):
                return not holds(inner)
            case And(parts):
                return all(holds(p) for p in parts)
            case Or(parts):
                return any(holds(p) for p in parts)

    return expression is None or holds(expression)


def row_meets(row: Row, term: Term, found: Found) -> bool:
    """True where one row meets one term."""
    if term.field == "error" and term.op == "exists":
        return row.error
    if any(_compare(text, term, found) for text in _texts(row, term)):
        return True
    if term.field or not row.annotations:
        return False
    if term.op == "exists":
        return any(names((key, value), term.key) for _, key, value in row.annotations)
    return term.op == "=" and any(says((key, value), term.key, term.value) for _, key, value in row.annotations)


def _texts(row: Row, term: Term) -> list[str]:
    """What a row holds under the term's key; empty where it holds nothing."""
    if term.field:
        return JUDGED[term.field].texts(row)
    if term.key in row.tags:
        return [row.tags[term.key]]
    return [row.attrs[term.key]] if term.key in row.attrs else []


def _compare(value: str, term: Term, found: Found) -> bool:
    match term.op:
        case "exists":
            return True
        case "=":
            return value == term.value
        case "!=":
            return value != term.value
        case "~":
            return value in found[term.value]
        case _:
            # A flag is told by 1 and 0 where numbers are compared.
            held = float(value == "true") if term.field == "error" else number(value)
            asked = number(term.value)
            return held is not None and asked is not None and COMPARE[term.op](held, asked)
