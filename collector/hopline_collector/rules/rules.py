"""Rules: everything a block depends on that changes with time, as a numbered snapshot.

A plan names a snapshot, and a snapshot never changes, so a block is the same on every
try and on every machine. Snapshot 0 is empty and always there. Who makes snapshots, and
when, is :mod:`hopline_collector.rules.rule_book`; here is what they hold and what they do to
the columns of a block.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import msgspec

from hopline_collector.block.normalise import Columns, Marks

VERSION: Final = 1

OPERATIONS_MAX: Final = 1_000
"""Operations that a service may have; the names of further ones become :data:`OTHER`."""

NAMES_MAX: Final = 100_000
"""Operations in a snapshot, over all services: further names become :data:`OTHER`, whatever their service has.

A bomb of services must not make snapshots large, and a name that no snapshot takes could never be counted.
"""

OTHER: Final = "_other"
SOURCE_NAME_ATTR: Final = "source.name"
"""Attribute that keeps the name of a row whose operation became :data:`OTHER`."""

ROWS_PER_TRACE: Final = 200_000
"""A trace of more rows is closed: further rows count in the figures and are not kept."""

SUSPECT_ROWS: Final = 1_000
"""Rows of one trace in one block that make it worth asking how large it is."""

ALL: Final = 1_000_000
"""The share of a rate that keeps every trace: parts per million."""

_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


class RulesError(ValueError):
    """A snapshot that we cannot follow or that is not there; nobody may guess what it said."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Which share of the traces that begin at ``since_us`` or later is kept, in parts per million."""

    since_us: int
    share: int


@dataclass(frozen=True, slots=True)
class Rules:
    """One snapshot."""

    number: int = 0
    rates: tuple[Rate, ...] = ()
    """By time; before the first, everything is kept."""
    closed: Mapping[bytes, int] = field(default_factory=lambda: _NOTHING)
    """Trace id -> when it was closed, microseconds."""
    operations: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NOTHING)
    """Service -> names that it has used."""
    reviewed_us: int = 0
    """When ``operations`` was last compared with what is in use."""

    @property
    def room(self) -> int:
        """How many more operations a snapshot takes."""
        return max(NAMES_MAX - sum(map(len, self.operations.values())), 0)


@dataclass(slots=True)
class News:
    """What a block holds that its snapshot does not know."""

    operations: dict[str, list[str]] = field(default_factory=dict)
    """Service -> names that it has not used before."""
    suspects: frozenset[bytes] = frozenset()
    """Traces with so many rows in this block that they may have to be closed."""


class _Text(msgspec.Struct):
    v: int
    rates: list[tuple[int, int]] = []
    closed: dict[str, int] = {}
    operations: dict[str, list[str]] = {}
    reviewed_us: int = 0


def encode(rules: Rules) -> str:
    """The text of a snapshot, without its number; equal rules have equal texts."""
    return msgspec.json.encode(
        _Text(
            VERSION,
            [(rate.since_us, rate.share) for rate in rules.rates],
            {trace_id.hex(): at for trace_id, at in sorted(rules.closed.items())},
            {service: sorted(names) for service, names in sorted(rules.operations.items())},
            rules.reviewed_us,
        )
    ).decode()


def decode(number: int, text: str) -> Rules:
    """The snapshot ``number``. Raises :class:`RulesError`."""
    try:
        found = msgspec.json.decode(text, type=_Text)
        closed = {bytes.fromhex(trace_id): at for trace_id, at in found.closed.items()}
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise RulesError(f"rules {number} cannot be read: {error}") from error
    if found.v != VERSION:
        raise RulesError(f"rules {number} are of version {found.v}")
    rates = tuple(Rate(since, share) for since, share in found.rates)
    operations = {service: frozenset(names) for service, names in found.operations.items()}
    return Rules(number, rates, closed, operations, found.reviewed_us)


def limit_operations(columns: Columns, rules: Rules, marks: Marks) -> dict[str, list[str]]:
    """Rename operations over the limit of their service, or of the snapshot; returns the new names that found room.

    Names that the snapshot knows keep their place; new ones are taken in the order of the rows.
    """
    fresh: dict[str, list[str]] = {}
    over = set()
    room = rules.room
    for pair in dict.fromkeys(zip(columns["service"], columns["name"], strict=True)):
        service, name = pair
        known = rules.operations.get(service, frozenset())
        if name in known or name == OTHER:
            continue
        if room and len(known) + len(fresh.get(service, ())) < OPERATIONS_MAX:
            fresh.setdefault(service, []).append(name)
            room -= 1
        else:
            over.add(pair)
    if over:
        names, attrs = columns["name"], columns["attrs"]
        for row, pair in enumerate(zip(columns["service"], names, strict=True)):
            if pair in over:
                attrs[row] = {**attrs[row], SOURCE_NAME_ATTR: pair[1]}
                names[row] = OTHER
                marks.add(row, "too_many_operations")
    return fresh


def closed_rows(columns: Columns, rules: Rules, sizes: Counter[bytes]) -> set[int]:
    """Rows of traces that are closed, or that this very block makes too large."""
    closed = rules.closed.keys() & sizes.keys()
    large = {trace_id for trace_id, rows in sizes.items() if rows > ROWS_PER_TRACE} - closed
    if not closed and not large:
        return set()
    found = set()
    seen: Counter[bytes] = Counter()
    for row, trace_id in enumerate(columns["trace_id"]):
        if trace_id in large:
            seen[trace_id] += 1
        if trace_id in closed or seen[trace_id] > ROWS_PER_TRACE:
            found.add(row)
    return found


def suspects(sizes: Counter[bytes]) -> frozenset[bytes]:
    """Traces with so many rows in one block that they may be too large as a whole."""
    return frozenset(trace_id for trace_id, rows in sizes.items() if rows >= SUSPECT_ROWS)
