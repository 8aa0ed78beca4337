"""The plan of a block: what a collector promises before it touches the messages.

A plan is committed as the metadata of its first offset. It pins everything a block
depends on besides the messages themselves, so that every try on every machine builds
the same block. The grammar is ``docs/plan.md``.
"""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Annotated, Final, Literal

import msgspec

VERSION: Final = 2
"""Version 1 named no log; its plans are still followed, under their own tokens."""

_VERSIONS: Final = frozenset({1, VERSION})
MAX_CHARACTERS: Final = 4_096
"""The broker's bound on commit metadata, in characters."""

TRIES: Final = 3
"""Deaths or failures in one phase after which messages are tried in a process of their own."""

SKIPPED_MOST: Final = 150
"""Offsets that a plan skips or sets aside, so that it stays within :data:`MAX_CHARACTERS`."""

Phase = Literal["decode", "insert"]


class PlanError(ValueError):
    """Metadata that is no plan we can follow; it must not be overwritten."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One block of one partition: the messages from ``start`` up to, not including, ``end``."""

    start: int
    end: int
    now: int
    """The block's only clock, microseconds."""
    rules: int = 0
    """Number of the snapshot of everything stateful."""
    phase: Phase = "decode"
    tries: int = 0
    """How often the phase was begun before."""
    skip: tuple[int, ...] = ()
    """Offsets that go to the dead letters without being looked into."""
    log: str = ""
    """Identity of the log: two logs may have the same topic and offsets."""
    aside: tuple[int, ...] = ()
    """As ``skip``, but found after the insert was begun: the token stays, so that tables that have the block keep it.

    An offset that stands here twice is one whose very dead letter is deadly: its bytes are left out.
    """

    def token(self, source: str, topic: str, partition: int) -> str:
        """The deduplication token: the same for every try of this block, and for no other block."""
        skipped = blake2b(",".join(map(str, self.skip)).encode(), digest_size=8).hexdigest()
        place = f"{source}/{self.log}/{topic}" if self.log else f"{source}/{topic}"
        return f"{place}/{partition}/{self.start}-{self.end}/{self.now}/{skipped}"

    def begun(self) -> "Plan":
        """The phase begins once more."""
        return replace(self, tries=self.tries + 1)

    def inserting(self) -> "Plan":
        """The block is built: from here on only this token may be inserted."""
        return replace(self, phase="insert", tries=1)

    def narrowed(self) -> "Plan":
        """The first half of the range; a single message that is left is skipped instead.

        Only before anything was inserted: another range means another token.
        """
        if self.end - self.start > 1:
            return replace(self, end=self.start + (self.end - self.start) // 2, phase="decode", tries=0)
        return replace(self, phase="decode", tries=0, skip=(*self.skip, self.start))

    def without(self, offsets: tuple[int, ...]) -> "Plan":
        """The same range without these messages.

        Before the insert they are skipped, and the range is narrowed when there are none, or no room for them.
        From then on they are set aside: range and token must stay.
        """
        room = SKIPPED_MOST - len(self.skip) - len(self.aside)
        if self.phase == "insert":
            return replace(self, tries=0, aside=(*self.aside, *offsets[:room]))
        if not offsets or room <= 0:
            return self.narrowed()
        return replace(self, phase="decode", tries=0, skip=(*self.skip, *offsets[:room]))


@dataclass(frozen=True, slots=True)
class Mark:
    """What is committed with an offset up to which everything is handed over."""

    log: str
    """Identity of the log that the offset belongs to."""
    at: int
    """When the last block was planned, microseconds."""


class _Text(msgspec.Struct, rename={"tries": "try"}, omit_defaults=True, kw_only=True):
    v: int
    e: Annotated[int, msgspec.Meta(ge=0)] = 0
    """0: no plan, a mark."""
    now: Annotated[int, msgspec.Meta(ge=0)]
    rules: Annotated[int, msgspec.Meta(ge=0)] = 0
    phase: Phase = "decode"
    tries: Annotated[int, msgspec.Meta(ge=0)] = 0
    skip: tuple[int, ...] = ()
    log: str = ""
    aside: tuple[int, ...] = ()


def encode_mark(mark: Mark) -> str:
    """The metadata text of a mark."""
    return msgspec.json.encode(_Text(v=VERSION, now=mark.at, log=mark.log)).decode()


def encode(plan: Plan) -> str:
    """The metadata text of a plan. Raises :class:`PlanError` when it would be too long to commit."""
    text = msgspec.json.encode(
        _Text(
            v=VERSION,
            e=plan.end,
            now=plan.now,
            rules=plan.rules,
            phase=plan.phase,
            tries=plan.tries,
            skip=plan.skip,
            log=plan.log,
            aside=plan.aside,
        )
    ).decode()
    if len(text) > MAX_CHARACTERS:
        raise PlanError(f"a plan of {len(text)} characters")
    return text


def decode(start: int, text: str) -> Plan | Mark | None:
    """The plan or the mark committed at offset ``start``; None where there is neither.

    Raises :class:`PlanError` for anything else: a plan of a later version may have
    been inserted in part, so nobody may plan over it.
    """
    if not text:
        return None
    try:
        found = msgspec.json.decode(text, type=_Text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise PlanError(f"not a plan: {text[:200]!r}") from error
    if found.v not in _VERSIONS:
        raise PlanError(f"a plan of version {found.v}")
    if not found.e and found.v > 1:
        return Mark(found.log, found.now)
    if found.e <= start:
        raise PlanError(f"a plan from {start} to {found.e}")
    return Plan(start, found.e, found.now, found.rules, found.phase, found.tries, found.skip, found.log, found.aside)
