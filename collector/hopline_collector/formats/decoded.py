"""What every decoder returns: rows in the shape of our own wire, and what it could not take."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from hopline.model import SAMPLED, WEIGHT_ONE

WireAnnotation = tuple[int, str, str]
WireLink = tuple[bytes, int, int]


class WireRow(msgspec.Struct, array_like=True, gc=False):
    """One row as ``docs/wire.md`` numbers its fields; None stands for the default.

    The order of the fields is the wire format.
    """

    trace_id: bytes
    span_id: str | None
    id: int | None
    parent_id: int | None
    kind: int | None
    name: str
    start_us: int
    duration_us: int | None = None
    tags: dict[str, str] | None = None
    children: int | None = 0
    flags: int | None = SAMPLED
    uid: str | None = ""
    caller: list[str] | None = None
    peer: str | None = ""
    peer_kind: str | None = ""
    weight: int | None = WEIGHT_ONE
    error_type: str | None = ""
    error_text: str | None = ""
    annotations: list[WireAnnotation] | None = None
    attrs: dict[str, str] | None = None
    links: list[WireLink] | None = None
    attempt: int | None = 0


FLAG_ERROR = 8
"""The bit of ``flags`` that says a row failed; the other bits are those of the model."""


FOREIGN_FACT = "foreign"
"""The process fact, "1", that says the rows came from another tracer."""


KEPT_FACT = "kept_times"
"""The process fact, "1", that says the rows keep times which would else be moved to arrival."""


REFUSED_BYTES: Final = 16 * 1024 * 1024
"""Refused rows of one message, kept with what they share; those after that are kept without."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row, or with ``index`` -1 a whole message, that could not be taken."""

    index: int
    reason: str
    detail: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """Counters a sending process told of itself, since it started."""

    process: dict[str, str]
    at_us: int
    recorded: int
    sent: int
    dropped: dict[str, int]
    depth: int


@dataclass(slots=True)
class Batch:
    """Rows that share the facts of one process."""

    process: dict[str, str]
    rows: list[WireRow]
    indexes: list[int] | None = None
    """Each row's place in its message; None = 0, 1, 2, ..."""

    @property
    def foreign(self) -> bool:
        """Rows of another tracer: no caller fields, perhaps no paths."""
        return self.process.get(FOREIGN_FACT) == "1"

    @property
    def keeps_times(self) -> bool:
        """Rows of an import: as old as they say they are."""
        return self.process.get(KEPT_FACT) == "1"


@dataclass(slots=True)
class Decoded:
    """One message, decoded."""

    batches: list[Batch] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    refused_bytes: int = 0
    """Of ``refused``."""

    def refuse(self, index: int, reason: str, detail: str, raw: Callable[[bool], bytes]) -> None:
        """Note a row that could not be taken. ``raw`` makes a message of it alone, with or without what rows share.

        That is with it as long as all such messages together stay small: a megabyte of facts would
        else be there fifty thousand times.
        """
        whole = self.refused_bytes <= REFUSED_BYTES
        found = raw(whole)
        self.refused_bytes += len(found)
        note = "" if whole else " (its process or resource is left out: too large to be kept with each row)"
        self.refused.append(Refused(index, reason, detail + note, found))


class DecodeError(ValueError):
    """A message of which nothing can be taken; ``reason`` is a short code that is counted."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
