"""Shapes of the answers to why: causes, differences, critical paths, changes, shapes, tables."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hopline_query.api.bodies_common import Answered, Us

Link = Annotated[str, Meta(description="the search that opens what was counted")]


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """An operation by which hurt traces came in."""

    service: str
    operation: str
    count: int


class Cause(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Failing calls without a failing call below them."""

    cause: str
    service: str
    operation: str
    error_type: str
    text: Annotated[str, Meta(description="numbers, ids and quoted parts replaced")]
    caller: Annotated[str | None, Meta(description="who called, where the far end did not report")]
    no_answer: bool
    count: int
    echoes: Annotated[int, Meta(description="failing calls above, which it explains")]
    traces: int
    hurt: Annotated[int, Meta(description="traces whose root failed through it")]
    recovered: Annotated[int, Meta(description="traces whose root did not fail")]
    users: int
    entries: list[Entry]
    versions: dict[str, int]
    first_seen_us: Us
    last_seen_us: Us
    newest_trace_id: str
    trend: list[int]
    link: Link


class Causes(Answered, kw_only=True):
    """What began the failures of a range."""

    causes: list[Cause]
    failures: Annotated[int, Meta(description="failing calls: counts and echoes together")]
    traces: Annotated[int, Meta(description="failing traces that were looked at")]


class Term(msgspec.Struct, forbid_unknown_fields=True):
    """One condition on a call."""

    kind: str
    service: str
    key: str
    op: str
    value: str


class Share(msgspec.Struct, forbid_unknown_fields=True, rename={"having": "with"}):
    """How many calls have something."""

    having: int
    of: int


class Finding(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Something that is more frequent in the selection."""

    kind: Annotated[str, Meta(description="tag, pair, field, range, callee or no_callee")]
    terms: list[Term]
    selected: Share
    base: Share
    explains: float
    lift: float | None
    p: Annotated[float, Meta(description="corrected for the number compared")]
    same: Annotated[list[Term], Meta(description="what the very same calls have")]
    sentence: str
    link: Link


class Differs(Answered, kw_only=True):
    """What sets selected entry calls apart."""

    selected: int
    base: int
    compared: int
    findings: list[Finding]
    link: Link


class PathPart(msgspec.Struct, forbid_unknown_fields=True):
    """A part of the critical path, per call of the band."""

    service: str
    operation: str
    wait: Annotated[str, Meta(description="own, network or queue")]
    us: float
    share: float
    drag_us: Annotated[float, Meta(description="how much earlier the call would end without it")]
    slack_us: Annotated[float, Meta(description="how much longer it could take unnoticed")]
    calls: int


class Band(msgspec.Struct, forbid_unknown_fields=True):
    """Calls by how long they took."""

    band: Annotated[str, Meta(description="all, p50, p95 or p99")]
    traces: int
    took_us: float | None
    parts: list[PathPart]


class Quantiles(msgspec.Struct, forbid_unknown_fields=True):
    """How long calls take."""

    p50_us: float
    p95_us: float
    p99_us: float


class WhatIf(msgspec.Struct, forbid_unknown_fields=True):
    """What would be if one part took longer or shorter."""

    before: Quantiles
    after: Quantiles


class CriticalPath(Answered, kw_only=True):
    """What decides how long the entry calls of an operation take."""

    traces: int
    bands: list[Band]
    what_if: WhatIf | None
    link: Link


class Took(msgspec.Struct, forbid_unknown_fields=True):
    """One of two periods."""

    calls: int
    avg_us: float | None
    p95_us: float | None


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """A part of the change of the mean."""

    service: str
    operation: str
    cause: Annotated[str, Meta(description="own, calls, mix, network or queue")]
    us: float


class TailChange(msgspec.Struct, forbid_unknown_fields=True):
    """A part of the change of the 95th percentile."""

    cause: str
    us: float


class Often(msgspec.Struct, forbid_unknown_fields=True):
    """An operation and how often it is called."""

    service: str
    operation: str
    calls_per_trace: float


class Worse(Answered, kw_only=True):
    """What changed between two periods, adding up."""

    before: Took
    after: Took
    parts: list[Change]
    p95_parts: list[TailChange]
    appeared: list[Often]
    vanished: list[Often]
    link: Link


class Shape(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Traces of one shape."""

    shape: str
    traces: int
    share: float
    avg_us: float
    p50_us: float
    p99_us: float
    errors: int
    first_seen_us: Us
    last_seen_us: Us
    outline: Annotated[list[tuple[int, str, str, int]], Meta(description="depth, service, name, times")]
    trace_id: Annotated[str, Meta(description="the newest")]
    link: Link
    base_traces: int | msgspec.UnsetType | None = msgspec.UNSET


class Operation(msgspec.Struct, forbid_unknown_fields=True):
    """An operation of a service."""

    service: str
    operation: str


class Loop(Operation, kw_only=True):
    """Equal calls that one operation makes again and again."""

    repeat: Annotated[str, Meta(description="its id")]
    caller: Operation
    traces: int
    calls: int
    most: Annotated[int, Meta(description="below one call")]
    cost_us: int
    trace_id: Annotated[str, Meta(description="in which they cost most")]
    link: Link


class Shapes(Answered, kw_only=True):
    """The shapes of traces, the most frequent first."""

    shapes: list[Shape]
    vanished: list[Shape]
    repeats: list[Loop]
    traces: int
    base_traces: int | None


class Query(Answered, kw_only=True):
    """A table of calls, or of groups of them."""

    columns: list[str]
    rows: list[list[Any]]
    calls: int
    link: Link
