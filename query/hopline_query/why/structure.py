"""Structural search written as one line: text in, query out. A stated subset of TraceQL (docs/structure.md).

::

    query     = spansets { "|" stage } .
    spansets  = both { "||" both } .
    both      = relation { "&&" relation } .
    relation  = unit { ( ">>" | ">" | "~" | "<<" | "<" | "!>>" | "!>" | "!~" | "!<<" | "!<" ) unit } .
    unit      = "{" [ or ] "}" | "(" spansets ")" .
    or        = and { ( "OR" | "||" ) and } .
    and       = not { ( "AND" | "&&" ) not } .
    not       = [ "NOT" | "!" ] ( "(" or ")" | condition ) .
    condition = key [ ( "=" | "!=" | "=~" | "~" | "!~" | ">" | ">=" | "<" | "<=" ) value ] .
    stage     = measure "(" [ key ] ")" [ "by" "(" key { "," key } ")" ] [ compare number ] .
    measure   = "count" | "rate" | "avg" | "min" | "max" | "sum" | "p50" | "p75" | "p90" | "p95" | "p99" | "p999" .
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hopline_query.errors import BadRequestError
from hopline_query.search.filter import And, Expression, Term, parse_filter

LONGEST = 4_096
"""Characters of a query."""

DEEPEST = 32
MOST_UNITS = 16
"""Braces of a query, and how deep parentheses nest."""

RELATIONS = ("!>>", "!<<", "!>", "!<", "!~", ">>", "<<", ">", "<", "~")

MEASURES = ("count", "rate", "avg", "min", "max", "sum", "p50", "p75", "p90", "p95", "p99", "p999")
"""What a stage may tell of calls."""

COMPARISONS = (">=", "<=", "!=", "=", ">", "<")

COMPARED = (*COMPARISONS, "=~", "~", "!~")
"""Operators of a condition: a value follows."""

TOKEN = re.compile(
    r"""(?P<blank>\s+)|(?P<op>\|\||&&|!>>|!<<|!>|!<|!~|!=|>>|<<|>=|<=|=~|=|>|<|~|!)
    |(?P<mark>[{}()|,])|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<word>[^\s{}()|,"=!<>~&]+)""",
    re.VERBOSE,
)

ALIASES = {
    **dict.fromkeys(("resource.service.name", "service.name", ".service.name"), "service"),
    **dict.fromkeys(("span:name", "span.name"), "name"),
    **dict.fromkeys(("span:kind", "span.kind"), "kind"),
    **dict.fromkeys(("span:duration", "span.duration"), "duration"),
}
"""Names of TraceQL for fields of ours."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls that meet a condition; None: every call."""

    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Related:
    """The calls of ``right`` that stand to a call of ``left`` as ``relation`` says; with ``!``, to none of them."""

    left: "Spansets"
    relation: str
    right: "Spansets"


@dataclass(frozen=True, slots=True)
class Joined:
    """``&&``: the calls of all parts, where each has some in the trace; ``||``: the calls of any part."""

    op: str
    parts: "tuple[Spansets, ...]"


Spansets = Calls | Related | Joined


@dataclass(frozen=True, slots=True)
class Stage:
    """What is told of the calls that were found: one number for each group."""

    measure: str
    key: str = ""
    by: tuple[str, ...] = ()
    compare: str = ""
    bound: float = 0.0


@dataclass(frozen=True, slots=True)
class Query:
    """A whole line."""

    spansets: Spansets
    text: str
    """The line without its stage."""
    stage: Stage | None = None


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


def parse(text: str, field: str) -> Query:
    """The query that ``text`` is; raises :class:`BadRequestError` that names ``field`` and the column."""
    if len(text) > LONGEST:
        raise BadRequestError(f"a query has at most {LONGEST} characters", field=field, column=LONGEST + 1)
    return _Parser(text, field).query()


def conditions(spansets: Spansets) -> list[Expression]:
    """All conditions of a query, from left to right."""
    match spansets:
        case Calls(condition):
            return [] if condition is None else [condition]
        case Related(left, _, right):
            return [*conditions(left), *conditions(right)]
        case Joined(_, parts):
            return [found for part in parts for found in conditions(part)]


MOST_REQUIRED = 4
"""Terms by which traces are looked for at once."""

COMMON = frozenset({"kind", "error", "env"})
"""Keys that nearly every trace meets: they find nothing."""


def required(spansets: Spansets) -> list[Term]:
    """Equalities that some row of a trace must meet for the query to select anything in it, at most four."""
    match spansets:
        case Calls(condition):
            parts = condition.parts if isinstance(condition, And) else (condition,)
            found = [part for part in parts if isinstance(part, Term) and part.op == "=" and part.key not in COMMON]
        case Related(left, relation, right):
            found = [*required(right), *([] if relation.startswith("!") else required(left))]
        case Joined("&&", parts):
            found = [term for part in parts for term in required(part)]
        case _:
            found = []
    return list(dict.fromkeys(found))[:MOST_REQUIRED]


class _Parser:
    """Recursive descent; the depth is bounded."""

    def __init__(self, text: str, field: str) -> None:
        self.text = text
        self.field = field
        self.tokens = self._tokens()
        self.place = 0
        self.depth = 0
        self.units = 0

    def query(self) -> Query:
        found = self._spansets()
        stage, end = None, len(self.text)
        if self._sees("|"):
            end = self.tokens[self.place].place
            self.place += 1
            stage = self._stage()
        if self.place < len(self.tokens):
            raise self._trouble(f"did not expect {self.tokens[self.place].text!r} here")
        return Query(found, self.text[:end].strip(), stage)

    def _tokens(self) -> list[_Token]:
        found, place = [], 0
        while place < len(self.text):
            match = TOKEN.match(self.text, place)
            if match is None:
                quote = self.text[place] == '"'
                message = "the quote is not closed" if quote else f"did not expect {self.text[place]!r} here"
                raise BadRequestError(message, field=self.field, column=place + 1)
            if match.lastgroup != "blank":
                found.append(_Token(match.lastgroup or "", match[0], place))
            place = match.end()
        return found

    def _trouble(self, message: str) -> BadRequestError:
        place = self.tokens[self.place].place if self.place < len(self.tokens) else len(self.text)
        return BadRequestError(message, field=self.field, column=place + 1)

    def _sees(self, *texts: str) -> bool:
        known = self.place < len(self.tokens)
        return known and self.tokens[self.place].kind != "quoted" and self.tokens[self.place].text in texts

    def _takes(self, *texts: str) -> str:
        if not self._sees(*texts):
            return ""
        self.place += 1
        return self.tokens[self.place - 1].text

    def _expects(self, text: str) -> None:
        if not self._takes(text):
            raise self._trouble(f"expected {text!r}")

    def _spansets(self) -> Spansets:
        return self._list("||", lambda: self._list("&&", self._relation))

    def _list(self, op: str, part: Callable[[], Spansets]) -> Spansets:
        parts = [part()]
        while self._takes(op):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(op, tuple(parts))

    def _relation(self) -> Spansets:
        found = self._unit()
        while relation := self._takes(*RELATIONS):
            found = Related(found, relation, self._unit())
        return found

    def _unit(self) -> Spansets:
        if self._takes("("):
            self.depth += 1
            if self.depth > DEEPEST:
                self.place -= 1
                raise self._trouble("the query is nested too deep")
            found = self._spansets()
            self._expects(")")
            self.depth -= 1
            return found
        if not self._sees("{"):
            raise self._trouble("expected '{'")
        self.units += 1
        if self.units > MOST_UNITS:
            raise self._trouble(f"a query has at most {MOST_UNITS} braces")
        return self._braces()

    def _braces(self) -> Calls:
        first = self.place = self.place + 1
        while self.place < len(self.tokens) and not self._sees("{", "}"):
            self.place += 1
        inside = self.tokens[first : self.place]
        self._expects("}")
        return Calls(self._condition(inside))

    def _condition(self, tokens: list[_Token]) -> Expression | None:
        """The filter grammar, with the operators and names of TraceQL put in its own words, place by place."""
        if not tokens:
            return None
        words = ""
        places: list[int] = []
        for number, token in enumerate(tokens):
            key = token.kind == "word" and (number == 0 or tokens[number - 1].text not in COMPARED)
            negated = key and number + 1 < len(tokens) and tokens[number + 1].text == "!~"
            word = f"{'NOT ' if negated else ''}{_word(token, key=key)} "
            words += word
            places += [token.place] * len(word)
        try:
            return parse_filter(words, self.field)
        except BadRequestError as error:
            column = (error.column or 1) - 1
            end = tokens[-1].place + len(tokens[-1].text)
            raise BadRequestError(
                error.message, field=self.field, column=(places[column] if column < len(places) - 1 else end) + 1
            ) from None

    def _stage(self) -> Stage:
        measure = self._takes(*MEASURES)
        if not measure:
            raise self._trouble(f"expected one of {', '.join(MEASURES)}")
        self._expects("(")
        counted = measure in {"count", "rate"}
        if counted and not self._sees(")"):
            raise self._trouble(f"{measure}() takes no key")
        if not counted and self._sees(")"):
            raise self._trouble(f"{measure}(...) needs a key, such as duration")
        key = "" if counted else self._key()
        self._expects(")")
        by: list[str] = []
        if self._takes("by"):
            self._expects("(")
            by.append(self._key())
            while self._takes(","):
                by.append(self._key())
            self._expects(")")
        compare = self._takes(*COMPARISONS)
        return Stage(measure, key, tuple(by), compare, self._number() if compare else 0.0)

    def _key(self) -> str:
        if self.place >= len(self.tokens) or self.tokens[self.place].kind not in {"word", "quoted"}:
            raise self._trouble("expected a key")
        self.place += 1
        return _plain(self.tokens[self.place - 1])

    def _number(self) -> float:
        from hopline_query.units import parse_duration

        if self.place >= len(self.tokens) or self.tokens[self.place].kind != "word":
            raise self._trouble("expected a number")
        text = self.tokens[self.place].text
        try:
            value = float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else float(parse_duration(text, self.field))
        except BadRequestError:
            raise self._trouble(f"expected a number or a duration, not {text!r}") from None
        self.place += 1
        return value


def _word(token: _Token, *, key: bool) -> str:
    """A token in the words of the filter grammar."""
    if token.kind == "op":
        return {"=~": "~", "!~": "~", "&&": "AND", "||": "OR"}.get(token.text, token.text)
    return _renamed(token.text) if key else token.text


def _renamed(key: str) -> str:
    if key in ALIASES:
        return ALIASES[key]
    for head in ("span.", "resource.", "."):
        if key.startswith(head) and len(key) > len(head):
            return f"tag.{key.removeprefix(head)}"
    return key


def _plain(token: _Token) -> str:
    if token.kind == "quoted":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
    return _renamed(token.text).removeprefix("tag.")
