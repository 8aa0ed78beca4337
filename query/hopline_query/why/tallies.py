"""How many selected and other entry calls have a mark: counted from the calls at hand, or elsewhere, and added up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hopline_query.search.fields import number
from hopline_query.why.marks import Marks, Place, Term

LEAST = 3
"""Selected calls that must have a mark for it to be compared at all."""

CUTS = 16
"""Ranges of a numeric tag: bounds at so many equal parts of its values."""

NUMBERS = 8
"""Distinct numbers from which on a tag is compared by range."""

MOST_OF_ONE = 1_000
"""Calls with the same number that count where the bounds are placed."""

WRAP = 2**64


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls that have a mark."""

    selected: int = 0
    base: int = 0
    print: int = 0
    """Sum of the calls' hashes, modulo 2**64: equal for marks of the same calls."""
    bits: int = 0
    """A bit for each call at hand: equal for marks of the same calls."""

    @property
    def calls(self) -> tuple[int, int]:
        """What is equal for marks of exactly the same calls, and for no others."""
        return self.print, self.bits

    def __add__(self, other: "Tally") -> "Tally":
        """Both, of calls that have none in common."""
        print_ = (self.print + other.print) % WRAP
        return Tally(self.selected + other.selected, self.base + other.base, print_, self.bits | other.bits)

    def lacking(self, mark: "Tally") -> "Tally":
        """These calls without those that have a mark."""
        print_ = (self.print - mark.print) % WRAP
        return Tally(self.selected - mark.selected, self.base - mark.base, print_, self.bits & ~mark.bits)


class Counts(Protocol):
    """Counts the marks of two sets of calls, the selected ones and the others."""

    @property
    def everything(self) -> Tally:
        """All calls."""

    @property
    def cut(self) -> bool:
        """True where marks of calls are missing."""

    def singles(self) -> Mapping[Term, Tally]:
        """Every mark that at least :data:`LEAST` selected calls have, and every callee; others may be there."""

    def bounds(self) -> Mapping[Place, Sequence[str]]:
        """Where the numbers of each numeric tag are cut into :data:`CUTS` equal parts."""

    def ranges(self, bounds: Mapping[Place, Sequence[str]]) -> Mapping[Term, Tally]:
        """Calls with a number of at least, and of less than, each bound."""

    def pairs(self, terms: Sequence[Term]) -> Mapping[tuple[int, int], Tally]:
        """Calls that meet two of these terms, by their places in order; pairs that none meets may lack."""


class Marked:
    """Counts calls at hand. Every call is a bit of a number, so that the calls of a mark are one integer."""

    def __init__(self, selected: Sequence[Marks], base: Sequence[Marks]) -> None:
        self._chosen = (1 << len(selected)) - 1
        self._all = (1 << (len(selected) + len(base))) - 1
        self._masks: dict[Place, dict[str, int]] = {}
        for place, marks in enumerate([*selected, *base]):
            bit = 1 << place
            for where, held in marks.items():
                known = self._masks.setdefault(where, {})
                for value in held:
                    known[value] = known.get(value, 0) | bit

    @property
    def everything(self) -> Tally:
        """All calls."""
        return self._tally(self._all)

    @property
    def cut(self) -> bool:
        """Never."""
        return False

    def singles(self) -> dict[Term, Tally]:
        """Every mark."""
        return {
            Term(kind, service, key, "=", value): self._tally(mask)
            for (kind, service, key), known in self._masks.items()
            for value, mask in known.items()
        }

    def bounds(self) -> dict[Place, list[str]]:
        """By the distinct values, each as often as calls have it, up to :data:`MOST_OF_ONE`."""
        found = {}
        for place, known in self._masks.items():
            held = self._numbers(place) if place[0] == "tag" else []
            if len(held) >= NUMBERS and len(held) * 10 >= len(known) * 9:
                spread = [text for _, text, mask in held for _ in range(min(mask.bit_count(), MOST_OF_ONE))]
                cuts = (spread[len(spread) * cut // CUTS] for cut in range(1, CUTS))
                found[place] = list(dict.fromkeys(cuts))
        return found

    def ranges(self, bounds: Mapping[Place, Sequence[str]]) -> dict[Term, Tally]:
        """See :class:`Counts`."""
        return {term: self._tally(self._mask(term)) for place, texts in bounds.items() for term in _cut(place, texts)}

    def pairs(self, terms: Sequence[Term]) -> dict[tuple[int, int], Tally]:
        """See :class:`Counts`."""
        masks = [self._mask(term) for term in terms]
        return {(i, j): self._tally(one & masks[j]) for i, one in enumerate(masks) for j in range(i + 1, len(masks))}

    def _tally(self, mask: int) -> Tally:
        chosen = (mask & self._chosen).bit_count()
        return Tally(chosen, mask.bit_count() - chosen, 0, mask)

    def _numbers(self, place: Place) -> list[tuple[float, str, int]]:
        known = self._masks.get(place, {})
        return sorted((value, text, mask) for text, mask in known.items() if (value := number(text)) is not None)

    def _mask(self, term: Term) -> int:
        if term.kind == "range":
            bound = number(term.value) or 0.0
            held = self._numbers(("tag", term.service, term.key))
            masks = [mask for value, _, mask in held if (value >= bound) == (term.op == ">=")]
        else:
            kind = "callee" if term.kind == "no_callee" else term.kind
            masks = [self._masks.get((kind, term.service, term.key), {}).get(term.value, 0)]
        found = 0
        for mask in masks:
            found |= mask
        return self._all & ~found if term.kind == "no_callee" else found


class Both:
    """Counts of stored calls and of calls at hand, added up; they have none in common."""

    def __init__(self, stored: Counts, at_hand: Counts) -> None:
        self._parts = (stored, at_hand)

    @property
    def everything(self) -> Tally:
        """All calls."""
        return self._parts[0].everything + self._parts[1].everything

    @property
    def cut(self) -> bool:
        """Of any."""
        return any(part.cut for part in self._parts)

    def singles(self) -> Mapping[Term, Tally]:
        """See :class:`Counts`."""
        return _added(part.singles() for part in self._parts)

    def bounds(self) -> Mapping[Place, Sequence[str]]:
        """Those of the stored calls where there are any."""
        found = dict(self._parts[1].bounds())
        return found | dict(self._parts[0].bounds())

    def ranges(self, bounds: Mapping[Place, Sequence[str]]) -> Mapping[Term, Tally]:
        """See :class:`Counts`."""
        return _added(part.ranges(bounds) for part in self._parts)

    def pairs(self, terms: Sequence[Term]) -> Mapping[tuple[int, int], Tally]:
        """See :class:`Counts`."""
        found: dict[tuple[int, int], Tally] = {}
        for part in self._parts:
            for places, tally in part.pairs(terms).items():
                found[places] = found.get(places, Tally()) + tally
        return found


def _cut(place: Place, texts: Sequence[str]) -> Iterator[Term]:
    for text in texts:
        for op in (">=", "<"):
            yield Term("range", place[1], place[2], op, text)


def _added(parts: Iterable[Mapping[Term, Tally]]) -> dict[Term, Tally]:
    found: dict[Term, Tally] = {}
    for part in parts:
        for term, tally in part.items():
            found[term] = found.get(term, Tally()) + tally
    return found
