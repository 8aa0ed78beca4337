"""What the shapes of several answers have in common."""

from typing import Annotated

import msgspec
from msgspec import Meta

Us = Annotated[int, Meta(description="microseconds")]


class Losing(msgspec.Struct, forbid_unknown_fields=True):
    """A process whose newest report counts losses."""

    service: str
    instance: str
    dropped: Annotated[int, Meta(description="rows lost, for whatever reason")]
    reasons: dict[str, int]
    at_us: Us


class Freshness(msgspec.Struct, forbid_unknown_fields=True):
    """How fresh an answer is."""

    state: Annotated[str, Meta(description="ok, behind, quiet or empty")]
    now_us: Us
    complete_to_us: Annotated[int | None, Meta(description="everything up to here was handed over")]
    behind_s: Annotated[float | None, Meta(description="how far the hand-over is behind")]
    newest_us: Annotated[int | None, Meta(description="when the newest block came")]
    dropping: list[Losing]


class Answered(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What every answer over a range holds."""

    freshness: Freshness
    took_ms: Annotated[int, Meta(description="time in the query service")]
    from_us: Us
    to_us: Us
    truncated: Annotated[bool, Meta(description="there is more than was answered")]


class Failure(msgspec.Struct, forbid_unknown_fields=True):
    """The deepest failing call of a trace, of those the earliest."""

    service: str
    name: str
    error_type: str
    error_text: str
    key: Annotated[str, Meta(description="key of its node")]


class Unserved(msgspec.Struct, forbid_unknown_fields=True):
    """The part of a range that is older than what is kept."""

    from_us: Us
    to_us: Us
