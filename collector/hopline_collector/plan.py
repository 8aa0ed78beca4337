"""The plan of a block: what a collector promises before it touches the messages.

A plan is committed as the metadata of its first offset. It pins everything a block
depends on besides the messages themselves, so that every try on every machine builds
the same block. The grammar is ``docs/plan.md``.
"""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Annotated, Final, Literal

import msgspec

VERSION: Final = 1
MAX_CHARACTERS: Final = 4_096
"""The broker's bound on commit metadata, in characters."""

DECODE_TRIES: Final = 3
"""Deaths or failures while decoding after which messages are tried one by one, elsewhere."""

SKIPPED_MOST: Final = 150
"""Offsets that a plan skips, so that it stays within :data:`MAX_CHARACTERS`."""

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
    """How often decoding was begun before."""
    skip: tuple[int, ...] = ()
    """Offsets that go to the dead letters without being looked into."""

    def token(self, source: str, topic: str, partition: int) -> str:
        """The deduplication token: the same for every try of this block, and for no other block."""
        skipped = blake2b(",".join(map(str, self.skip)).encode(), digest_size=8).hexdigest()
        return f"{source}/{topic}/{partition}/{self.start}-{self.end}/{self.now}/{skipped}"

    def begun(self) -> "Plan":
        """Decoding begins once more."""
        return replace(self, tries=self.tries + 1)

    def inserting(self) -> "Plan":
        """The block is built: from here on only this token may be inserted."""
        return replace(self, phase="insert", tries=0)

    def narrowed(self) -> "Plan":
        """The first half of the range; a single message that is left is skipped instead.

        Only before anything was inserted: another range means another token.
        """
        if self.end - self.start > 1:
            return replace(self, end=self.start + (self.end - self.start) // 2, phase="decode", tries=0)
        return replace(self, phase="decode", tries=0, skip=(*self.skip, self.start))

    def without(self, offsets: tuple[int, ...]) -> "Plan":
        """The same range with these messages skipped; narrowed instead when there are none, or no room for them."""
        room = SKIPPED_MOST - len(self.skip)
        if not offsets or room <= 0:
            return self.narrowed()
        return replace(self, phase="decode", tries=0, skip=(*self.skip, *offsets[:room]))


class _Text(msgspec.Struct, rename={"tries": "try"}):
    v: int
    e: Annotated[int, msgspec.Meta(ge=0)]
    now: Annotated[int, msgspec.Meta(ge=0)]
    rules: Annotated[int, msgspec.Meta(ge=0)] = 0
    phase: Phase = "decode"
    tries: Annotated[int, msgspec.Meta(ge=0)] = 0
    skip: tuple[int, ...] = ()


def encode(plan: Plan) -> str:
    """The metadata text of a plan. Raises :class:`PlanError` when it would be too long to commit."""
    text = msgspec.json.encode(
        _Text(VERSION, plan.end, plan.now, plan.rules, plan.phase, plan.tries, plan.skip)
    ).decode()
    if len(text) > MAX_CHARACTERS:
        raise PlanError(f"a plan of {len(text)} characters")
    return text


def decode(start: int, text: str) -> Plan | None:
    """The plan committed at offset ``start``; None where there is none.

    Raises :class:`PlanError` for anything else: a plan of a later version may have
    been inserted in part, so nobody may plan over it.
    """
    if not text:
        return None
    try:
        found = msgspec.json.decode(text, type=_Text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise PlanError(f"not a plan: {text[:200]!r}") from error
    if found.v != VERSION:
        raise PlanError(f"a plan of version {found.v}")
    if found.e <= start:
        raise PlanError(f"a plan from {start} to {found.e}")
    return Plan(start, found.e, found.now, found.rules, found.phase, found.tries, found.skip)
