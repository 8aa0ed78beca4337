"""What differs between the selected entry calls and others, beyond chance (docs/why.md).

The calls were counted before (:mod:`hopline_query.why.tallies`): here are the marks that are
compared, the test, and which findings are told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hopline_query.why.chance import least, over
from hopline_query.why.marks import Term
from hopline_query.why.tallies import LEAST, Counts, Tally

CHANCE = 0.01
"""The largest probability, corrected for everything that was compared, of a finding."""

MOST = 20
"""Findings of an answer."""

POOL = 40
"""Marks that are paired, those least likely by chance."""

Calls = tuple[int, int]
"""Stands for a set of calls: :attr:`Tally.calls`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Marks that selected calls have more often than the others."""

    terms: tuple[Term, ...]
    kind: str
    selected: int
    base: int
    p: float
    """Corrected for everything that was compared."""
    same: tuple[Term, ...] = ()
    """Other single marks of exactly the same calls."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """How many calls there are."""

    n: int
    m: int

    def chance(self, tally: Tally, compared: int = 0) -> float:
        """The probability; of one that is surely no finding among so many ``compared``, only that it is not less."""
        a, b = tally.selected, tally.base
        floor = least(a, self.n, b, self.m)
        return floor if floor * compared >= CHANCE else over(a, self.n, b, self.m)

    def explained(self, tally: Tally) -> float:
        return tally.selected / self.n - tally.base / self.m


def differs(counts: Counts, service: str, ignored: frozenset[tuple[str, str]]) -> tuple[list[Finding], int]:
    """Findings, those that explain most first, and the number of marks that were compared.

    ``service`` is whose entry calls they are: its own marks are named before others that mean the same
    calls. ``ignored`` are ``(kind, key)`` of marks by which the calls were selected.
    """
    everything = counts.everything
    sides = _Sides(everything.selected, everything.base)
    if not sides.n or not sides.m:
        return [], 0
    singles = _singles(counts, everything, service, ignored)
    ranked = sorted(
        ((sides.chance(tally, len(singles)), order, tally, terms) for order, (tally, terms) in enumerate(singles)),
        key=lambda one: one[:2],
    )
    pool = [(tally, terms[0]) for _, _, tally, terms in ranked[:POOL]]
    pairs = _pairs(counts, pool)
    compared = len(singles) + len(pairs)
    found: list[tuple[Tally, Finding]] = []
    for p, _, tally, (first, *same) in ranked:
        if p * compared < CHANCE:
            counted = (tally.selected, tally.base)
            found.append((tally, Finding((first,), first.kind, *counted, p * compared, tuple(same))))
    known = {tally.calls for tally, _ in found}
    for both, one, other in pairs:
        p = sides.chance(both, compared)
        if p * compared < CHANCE and both.calls not in known and _beyond(both, (one[0], other[0]), compared):
            known.add(both.calls)
            terms = (one[1], other[1])
            found.append((both, Finding(terms, "pair", both.selected, both.base, p * compared)))
    found.sort(key=lambda f: (-sides.explained(f[0]), f[1].p, len(f[1].terms), _text(f[1].terms)))
    return _one_range([finding for _, finding in found])[:MOST], compared


def _one_range(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without ranges of a key that follow a better finding of the same key, alone or in a pair."""
    alone: set[tuple[str, str]] = set()
    pairs: set[frozenset[tuple[str, ...]]] = set()
    kept = []
    for finding in findings:
        if len(finding.terms) > 1:
            form = frozenset(_form(term) for term in finding.terms)
            known = form in pairs
            pairs.add(form)
        else:
            (term,) = finding.terms
            known = term.kind == "range" and (term.service, term.key) in alone
            alone.add((term.service, term.key))
        if not known:
            kept.append(finding)
    return kept


def _form(term: Term) -> tuple[str, ...]:
    """A mark, all ranges of a key being one."""
    bound = () if term.kind == "range" else (term.kind, term.op, term.value)
    return (term.service, term.key, *bound)


def _singles(
    counts: Counts, everything: Tally, service: str, ignored: frozenset[tuple[str, str]]
) -> list[tuple[Tally, list[Term]]]:
    """The marks of exactly the same calls together, the best name first; too rare or universal ones are left out."""
    tallies: dict[Term, Tally] = {}
    for term, tally in counts.singles().items():
        if (term.kind, term.key) not in ignored:
            tallies[term] = tally
            if term.kind == "callee":
                tallies[Term("no_callee", term.service, term.key, "=", term.value)] = everything.lacking(tally)
    bounds = {place: texts for place, texts in counts.bounds().items() if (place[0], place[2]) not in ignored}
    tallies |= counts.ranges(bounds)
    found: dict[Calls, tuple[Tally, list[Term]]] = {}
    for term, tally in tallies.items():
        if tally.calls != everything.calls and tally.selected >= LEAST:
            found.setdefault(tally.calls, (tally, []))[1].append(term)
    for _, terms in found.values():
        terms.sort(key=lambda term: (_rank(term, service), _text((term,))))
    return sorted(found.values(), key=lambda f: (_rank(f[1][0], service), _text(f[1])))


Mark = tuple[Tally, Term]


def _pairs(counts: Counts, pool: Sequence[Mark]) -> list[tuple[Tally, Mark, Mark]]:
    """Conjunctions of two marks that are not of one key, and mean other calls than either."""
    together: Mapping[tuple[int, int], Tally] = counts.pairs([term for _, term in pool])
    found = []
    for (i, j), both in sorted(together.items()):
        (one, first), (other, second) = pool[i], pool[j]
        mere = not both.selected + both.base or both.calls in {one.calls, other.calls}
        if (first.service, first.key) != (second.service, second.key) and not mere:
            found.append((both, pool[i], pool[j]))
    return found


def _beyond(both: Tally, parts: Iterable[Tally], compared: int) -> bool:
    """True where a pair tells more than either of its marks: among the calls with one, the other matters too."""
    a, b = both.selected, both.base
    return all(over(a, part.selected, b, part.base) * compared < CHANCE for part in parts)


def _rank(term: Term, service: str) -> int:
    """Which of several names for the same calls is told: the selected service's own tag, then whom it calls."""
    own = term.service == service
    order = {"tag": 0 if own else 3, "callee": 1, "no_callee": 2, "field": 4 if own else 5, "range": 6}
    return order[term.kind]


def _text(terms: Iterable[Term]) -> tuple[tuple[str, ...], ...]:
    return tuple((term.kind, term.service, term.key, term.op, term.value) for term in terms)
