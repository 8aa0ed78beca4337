"""The filter grammar of searches: text in, expression out.

``key=value``, ``!=``, ``~`` (regular expression), ``>``, ``>=``, ``<``, ``<=``, a bare ``key``
(exists), ``AND``, ``OR``, ``NOT``, ``!``, parentheses and quotes. Terms side by side, or joined by
lower-case ``and``, are AND: so Jaeger's logfmt and Zipkin's annotation queries are understood as
they are. Each term may be met by another row of a trace.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hopline_query.errors import BadRequestError
from hopline_query.search.fields import FIELDS, flag, number
from hopline_query.units import parse_duration

COMPARISONS = (">", ">=", "<", "<=")
OPERATORS = ("=", "!=", "~", *COMPARISONS, "exists")

LONGEST = 4_096
"""Characters of a filter."""
MOST_TERMS = 32
QUOTE_IT = ': quote a value that holds signs, key="value"'

TOKEN = re.compile(
    r"""(?P<blank>\s+)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<bracket>[()])|(?P<op>!=|>=|<=|=|~|>|<)|(?P<not>!)
    |(?P<word>[^\s"()=!<>~]+)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison; ``op`` is one of :data:`OPERATORS`. ``field`` is empty for a tag."""

    key: str
    op: str
    value: str = ""
    field: str = ""
    text: str = ""
    column: int = 1


@dataclass(frozen=True, slots=True)
class Not:
    """No row of the trace meets the part."""

    part: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    """Every part is met by some row of the trace."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part is met."""

    parts: "tuple[Expression, ...]"


Expression = Term | Not | And | Or


class Token(NamedTuple):
    """A piece of the text and its 0-based place."""

    kind: str
    text: str
    place: int


def parse_filter(text: str, field: str = "filter") -> Expression | None:
    """The expression of ``text``, None for a blank one.

    Raises :class:`BadRequestError` that names the column of the trouble.
    """
    if len(text) > LONGEST:
        raise BadRequestError(f"a filter has at most {LONGEST} characters", field=field, column=LONGEST + 1)
    tokens = list(_tokens(text, field))
    if not tokens:
        return None
    parser = _Parser(tokens, len(text), field)
    expression = parser.alternatives()
    if parser.next is not None:
        raise parser.trouble(f"did not expect {parser.next.text!r} here")
    return _bounded(expression, field)


def all_of(parts: Sequence[Expression], field: str) -> Expression | None:
    """All of the parts as one expression, None for none. Raises :class:`BadRequestError` for too many terms."""
    if not parts:
        return None
    return _bounded(parts[0] if len(parts) == 1 else And(tuple(parts)), field)


def _bounded(expression: Expression, field: str) -> Expression:
    if sum(1 for _ in terms(expression)) > MOST_TERMS:
        raise BadRequestError(f"a filter has at most {MOST_TERMS} terms", field=field, column=1)
    return expression


def terms(expression: Expression | None) -> Iterator[tuple[Term, bool]]:
    """``(term, negated)`` of an expression, from left to right; for the chips under a search box."""
    stack: list[tuple[Expression, bool]] = [(expression, False)] if expression else []
    while stack:
        part, negated = stack.pop()
        if isinstance(part, Term):
            yield part, negated
        elif isinstance(part, Not):
            stack.append((part.part, not negated))
        else:
            stack.extend((child, negated) for child in reversed(part.parts))


def anchored(expression: Expression) -> bool:
    """True where a matching trace must have a row that meets some term: then rows can be found first."""
    if isinstance(expression, Term):
        return True
    if isinstance(expression, Not):
        # Not(Not(x)) is x; other negations hold for traces without any such row.
        return isinstance(expression.part, Not) and anchored(expression.part.part)
    chosen = [anchored(part) for part in expression.parts]
    return any(chosen) if isinstance(expression, And) else all(chosen)


def _tokens(text: str, field: str) -> Iterator[Token]:
    place = 0
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None:
            message = "the quote is not closed" if text[place] == '"' else f"did not expect {text[place]!r} here"
            raise BadRequestError(message, field=field, column=place + 1)
        kind = found.lastgroup or ""
        if kind != "blank":
            yield Token(kind, found[0], place)
        place = found.end()


class _Parser:
    """Precedence: NOT, then AND (also side by side), then OR. Depth is bounded by the filter's length."""

    DEEPEST = 32

    def __init__(self, tokens: list[Token], end: int, field: str) -> None:
        self.tokens = tokens
        self.end = end
        self.field = field
        self.place = 0
        self.depth = 0

    @property
    def next(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def trouble(self, message: str) -> BadRequestError:
        column = (self.next.place if self.next else self.end) + 1
        return BadRequestError(message, field=self.field, column=column)

    def alternatives(self) -> Expression:
        parts = [self.conjunction()]
        while self._takes("OR", "or"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def conjunction(self) -> Expression:
        parts = [self.negation()]
        while self.next is not None and self.next.text not in {")", "OR", "or"}:
            self._takes("AND", "and")
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def negation(self) -> Expression:
        self.depth += 1
        if self.depth > self.DEEPEST:
            raise self.trouble("the filter is nested too deep")
        if self._takes("NOT", "not") or self._takes("!"):
            part: Expression = Not(self.negation())
        elif self._takes("("):
            part = self.alternatives()
            if not self._takes(")"):
                raise self.trouble("expected ')'")
        else:
            part = self._term()
        self.depth -= 1
        return part

    def _takes(self, *texts: str) -> bool:
        if self.next is not None and self.next.kind != "quoted" and self.next.text in texts:
            self.place += 1
            return True
        return False

    def _term(self) -> Term:
        start = self.next
        if start is None or start.kind not in {"word", "quoted"} or start.text in {"AND", "OR", "and", "or"}:
            raise self.trouble("expected a key")
        self.place += 1
        key = _unquote(start)
        if self.next is None or self.next.kind != "op":
            return _typed(Term(key, "exists", "", "", start.text, start.place + 1), self.field)
        op = self.next
        self.place += 1
        value = self.next
        if value is None or value.kind not in {"word", "quoted"}:
            raise self.trouble(f"expected a value after {op.text!r}{QUOTE_IT if value else ''}")
        self.place += 1
        follows = self.next
        if follows is not None and follows.text != ")" and follows.place == value.place + len(value.text):
            raise self.trouble(f"did not expect {follows.text[:16]!r} right after the value{QUOTE_IT}")
        text = f"{start.text}{op.text}{value.text}"
        return _typed(Term(key, op.text, _unquote(value), "", text, start.place + 1), self.field)


def _typed(term: Term, field: str) -> Term:
    """The term with its field, its value checked. What a pattern is worth the engine says, that runs it."""
    key = term.key.removeprefix("tag.")
    name = term.key if key == term.key and key in FIELDS else ""
    reads = FIELDS[name].reads if name else "text"
    value = term.value
    if term.op in {"exists", "~"}:
        return Term(key, term.op, value, name, term.text, term.column)
    if reads == "duration":
        try:
            value = str(parse_duration(value, field))
        except BadRequestError as error:
            raise BadRequestError(error.message, field=field, column=term.column) from None
    elif term.op in COMPARISONS and number(value) is None:
        message = f"expected a number after {term.op!r}, not {value!r}"
        raise BadRequestError(message, field=field, column=term.column)
    elif reads == "flag" and term.op not in COMPARISONS:
        value = flag(value)
    return Term(key, term.op, value, name, term.text, term.column)


def _unquote(token: Token) -> str:
    if token.kind != "quoted":
        return token.text
    return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
