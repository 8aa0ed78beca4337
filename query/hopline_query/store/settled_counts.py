"""Counts the marks of settled entry calls by SQL, and says which calls it leaves to their rows (docs/why.md)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from string import Template
from typing import Any

from hopline_query.search.fields import decimal
from hopline_query.store import chosen_calls
from hopline_query.store.asking import Asker, statement
from hopline_query.store.conditions import Conditions
from hopline_query.store.moving import NEVER_US, Moved, moving_ids
from hopline_query.store.port import SearchQuery
from hopline_query.store.settled_calls import KINDS, SEPARATOR, term_of, text_of
from hopline_query.store.trace_search import indexed_keys
from hopline_query.why.marks import Place, Term
from hopline_query.why.tallies import CUTS, LEAST, MOST_OF_ONE, NUMBERS, Tally

Naming = Callable[[str, Collection[str]], str]
"""What to call a far end, by its node key and the services that told of calls."""

MOST_NUMERIC = 24
"""Numeric tags that are compared by range, those that most calls have."""


class SettledCounts:
    """Marks of the settled entry calls that meet ``selected``, and of the others that meet ``base``.

    ``also`` are marks that are counted however rare; ``named`` is what a far end is called, given which services
    told of the calls. What was counted is kept.
    """

    def __init__(
        self,
        asker: Asker,
        queries: tuple[SearchQuery, SearchQuery],
        moved: Moved,
        also: Collection[str] = (),
        named: Naming = lambda key, _: key,
    ) -> None:
        self._asker = asker
        self._conditions = Conditions(indexed_keys(asker, queries[0]) & indexed_keys(asker, queries[1]))
        among = chosen_calls.among(self._conditions, queries, moved)
        chosen, other = (" AND ".join(chosen_calls.meets(self._conditions, query)) for query in queries)
        self._calls = (
            "SELECT trace_id, marks, start_us, cut, cityHash64(trace_id, id, kind, start_us) AS print,"
            f" ({chosen}) AS chosen, ({other}) AS other"
            f" FROM $database.settled_calls WHERE {' AND '.join([*among, '(chosen OR other)'])}"
        )
        self._also = self._bind_texts(also)
        self._owner = queries[0].service
        self._named = named
        self._stored: dict[Term, str] = {}

    @property
    def everything(self) -> Tally:
        """All calls."""
        total = Tally()
        for _, tally, _ in self._hours:
            total += tally
        return total

    @property
    def cut(self) -> bool:
        """True where a call is one of a giant trace, whose marks are not all there."""
        return any(cut for _, _, cut in self._hours)

    def singles(self) -> dict[Term, Tally]:
        """See :class:`hopline_query.why.tallies.Counts`."""
        found = {}
        telling = frozenset(place.split(SEPARATOR)[1] for place, _, _ in self._places if not place.startswith("c"))
        for place, told, _ in self._places:
            for value, selected, base, print_ in told:
                mark = f"{place}{SEPARATOR}{value}"
                term = term_of(mark)
                if term.kind == "callee":
                    term = replace(term, value=self._named(value, telling))
                    self._stored[term] = mark
                found[term] = Tally(selected, base, print_)
        return found | {Term("field", self._owner, "hour", "=", hour): tally for hour, tally, _ in self._hours}

    def bounds(self) -> dict[Place, list[str]]:
        """See :class:`hopline_query.why.tallies.Counts`."""
        ranked = sorted(self._places, key=lambda one: -sum(told[1] + told[2] for told in one[1]))
        found: dict[Place, list[str]] = {}
        for place, _, bounds in ranked:
            if bounds and len(found) < MOST_NUMERIC:
                _, service, key = place.split(SEPARATOR)
                found["tag", service, key] = list(bounds)
        return found

    def ranges(self, bounds: Mapping[Place, Sequence[str]]) -> dict[Term, Tally]:
        """See :class:`hopline_query.why.tallies.Counts`."""
        if not bounds:
            return {}
        found = {}
        heads = [SEPARATOR.join((KINDS[kind], service, key)) for kind, service, key in bounds]
        numbers = [[float(text) for text in texts] for texts in bounds.values()]
        words = {
            "bounds": self._conditions.bind(numbers, "Array(Array(Float64))"),
            "places": f"arrayMap(text -> unhex(text), {self._bind_hex(heads)})",
            "number": decimal("substring(mark, position(mark, '\\0', position(mark, '\\0', 3) + 1) + 1)"),
        }
        places = list(bounds.items())
        for key, *counted in self._ask("counted_ranges", None, **words):
            place, texts = places[key - 1]
            for op, values in ((">=", counted[:3]), ("<", counted[3:])):
                for text, *tally in zip(texts, *values, strict=False):
                    found[Term("range", place[1], place[2], op, text)] = Tally(*map(int, tally))
        return found

    def pairs(self, pool: Sequence[Term]) -> dict[tuple[int, int], Tally]:
        """See :class:`hopline_query.why.tallies.Counts`."""
        if len(pool) < 2:
            return {}
        equal = {self._mark(term): place for place, term in enumerate(pool, 1) if self._is_mark(term)}
        parts = [
            f"if({self._holds(term)}, {place}, 0)" for place, term in enumerate(pool, 1) if not self._is_mark(term)
        ]
        items = f"[{', '.join(parts)}]::Array(UInt8)"
        if equal:
            places = self._conditions.bind(list(equal.values()), "Array(UInt8)")
            texts = f"arrayMap(text -> unhex(text), {self._bind_hex(equal)})"
            items = f"arrayConcat({items}, arrayMap(mark -> transform(toString(mark), {texts}, {places}, 0), marks))"
        found = self._ask("counted_pairs", items=f"arrayFilter(item -> item > 0, {items})")
        return {(i - 1, j - 1): Tally(*map(int, counted)) for i, j, *counted in found}

    def traces(self, wanted: Sequence[Term], most: int) -> list[str]:
        """The newest traces with a selected call that meets all these terms, and maybe others.

        A callee's name may have been shown as that of an external one.
        """
        held = " AND ".join(self._may_hold(term) for term in wanted) or "1"
        found = self._ask("calls_having", {"most": most}, held=held)
        return [row[0] for row in found]

    @cached_property
    def _hours(self) -> list[tuple[str, Tally, bool]]:
        found = self._ask("counted_hours")
        return [(str(hour), Tally(*map(int, counted)), bool(cut)) for hour, *counted, cut in found]

    @cached_property
    def _places(self) -> list[tuple[str, list[tuple[str, int, int, int]], list[str]]]:
        sizes = {"least": LEAST, "weight": MOST_OF_ONE, "numbers": NUMBERS, "cuts": CUTS}
        found = self._ask("counted_marks", sizes, also=self._also, number=decimal("value"))
        return [(place, [_values(one) for one in told], bounds) for place, told, _, _, _, bounds in found]

    def _ask(self, name: str, more: Mapping[str, Any] | None = None, **words: str) -> list[tuple[Any, ...]]:
        text = Template(statement(name)).safe_substitute(calls=self._calls, **words)
        return self._asker.rows(text, self._conditions.parameters | dict(more or {}))

    # -- one term of a pair

    @staticmethod
    def _is_mark(term: Term) -> bool:
        return term.kind in KINDS and (term.kind, term.key) != ("field", "hour")

    def _mark(self, term: Term) -> str:
        return self._stored.get(term) or text_of(term)

    def _holds(self, term: Term) -> str:
        if term.kind == "range":
            sign = f"x -> x {term.op} {self._conditions.bind(float(term.value), 'Float64')}"
            return f"arrayExists({sign}, {self._numbers(('tag', term.service, term.key))})"
        if term.kind == "no_callee":
            mark = self._mark(Term("callee", term.service, term.key, "=", term.value))
            return f"NOT has(marks, unhex({self._conditions.bind(mark.encode().hex())}))"
        return f"toString(toHour(toDateTime(intDiv(start_us, 1000000), 'UTC'))) = {self._conditions.bind(term.value)}"

    def _may_hold(self, term: Term) -> str:
        if term.kind == "range" or (term.kind, term.key) == ("field", "hour"):
            return self._holds(term)
        named = replace(term, kind="callee" if term.kind == "no_callee" else term.kind)
        names = [named]
        if named.kind == "callee":
            names.append(replace(named, value=named.value.removeprefix("external:")))
        has = [f"has(marks, unhex({self._conditions.bind(text_of(name).encode().hex())}))" for name in names]
        return f"NOT ({' AND '.join(has)})" if term.kind == "no_callee" else f"({' OR '.join(has)})"

    def _numbers(self, place: Place) -> str:
        """The numbers that a call has under a key of a tag."""
        head = f"{SEPARATOR.join((KINDS[place[0]], *place[1:]))}{SEPARATOR}".encode()
        bound = f"unhex({self._conditions.bind(head.hex())})"
        texts = f"arrayFilter(mark -> startsWith(mark, {bound}), marks)"
        number = decimal(f"substring(toString(mark), {len(head) + 1})")
        return f"arrayMap(x -> assumeNotNull(x), arrayFilter(x -> x IS NOT NULL, arrayMap(mark -> {number}, {texts})))"

    def _bind_texts(self, texts: Collection[str]) -> str:
        return f"SELECT unhex(arrayJoin({self._bind_hex(texts)}))"

    def _bind_hex(self, texts: Collection[str]) -> str:
        """Texts with zero bytes, which no parameter takes as they are."""
        return self._conditions.bind([text.encode().hex() for text in texts], "Array(String)")


def covered(asker: Asker, queries: tuple[SearchQuery, SearchQuery], first: int) -> bool:
    """True where all settled traces of the ranges have their calls written: none settled before ``first``."""
    low = min(query.scope.from_us for query in queries)
    high = max(query.scope.to_us for query in queries)
    return not asker.file("settled_before", {"from_us": low, "to_us": high, "first": first or NEVER_US})


def moves(asker: Asker, queries: tuple[SearchQuery, SearchQuery]) -> bool:
    """True where rows of the services lie in the ranges and their traces move."""
    text = Template(statement("moving_of_service")).safe_substitute(moving=moving_ids())
    bounds = {"from_us": min(q.scope.from_us for q in queries), "to_us": max(q.scope.to_us for q in queries)}
    services = sorted({query.service for query in queries})
    return bool(asker.rows(text, bounds | {"services": services, "moved_after": NEVER_US}))


def _values(one: Any) -> tuple[str, int, int, int]:
    # Named tuples of the engine arrive as mappings.
    value, selected, base, print_ = one.values() if isinstance(one, dict) else one
    return value, int(selected), int(base), int(print_)
