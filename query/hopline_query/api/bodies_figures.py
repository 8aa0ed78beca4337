"""Shapes of the answers with figures: calls, errors, rates, latencies."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hopline_query.api.bodies_common import Answered, Unserved, Us

Number = int | float
"""Calls: whole where nothing was sampled."""


class Measured(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Figures of a group of calls; null where it has none."""

    calls: Number
    errors: Number
    qps: Annotated[float, Meta(description="calls a second of the time in which the group was seen")]
    seen_s: float
    success_rate: float | None
    error_rate: float | None
    avg_us: float | None
    max_us: int | None
    p50_us: int | None
    p75_us: int | None
    p90_us: int | None
    p95_us: int | None
    p99_us: int | None
    p999_us: int | None
    apdex: float | None
    status_4xx: Annotated[Number | None, Meta(description="calls answered with 400 to 499; null where not counted")]
    sampled: Annotated[int, Meta(description="rows behind the figures")]
    estimated: Annotated[bool, Meta(description="sampling took part")]
    small_sample: bool
    last_seen_us: int | None


class Callers(msgspec.Struct, forbid_unknown_fields=True):
    """A service as its callers see it."""

    calls: Number
    errors: Number
    success_rate: float | None


class Spark(msgspec.Struct, forbid_unknown_fields=True):
    """Small series of a group."""

    slot_us: int
    start_us: Us
    filling: Annotated[list[bool], Meta(description="slots that are not over yet")]
    qps: list[Number]
    error_rate: list[float | None]
    p99_us: list[int | None]


class Group(Measured, kw_only=True):
    """One group; names that it is not grouped by are null."""

    service: str
    operation: str | None
    kind: str | None
    instance: str | None
    host: str | None
    zone: str | None
    version: str | None
    caller: str | None
    impact: Annotated[float, Meta(description="share of all groups' time")]
    callers: Callers | None
    previous: Annotated[Measured | None, Meta(description="the period before (parameter compare)")]
    spark: Spark | None
    histogram: (
        Annotated[list[tuple[int, int, Number]], Meta(description="from us, to us, calls")] | msgspec.UnsetType
    ) = msgspec.UNSET


class Total(Measured, kw_only=True):
    """All groups together."""

    previous: Measured | None


class Stats(Answered, kw_only=True):
    """Rates, errors and latency over a range."""

    services: list[Group]
    total: Total
    group: str
    view: str
    apdex_t_us: int
    slot_s: Annotated[int, Meta(description="length of the slots that were added up")]
    unserved: Unserved | None


class Process(Group, kw_only=True):
    """One process."""

    first_seen_us: int | None


class Instances(Answered, kw_only=True):
    """Processes of a service."""

    service: str | None
    instances: list[Process]


class Line(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One group slot by slot, as long as the answer's times."""

    service: str
    operation: str | None
    kind: str | msgspec.UnsetType = msgspec.UNSET
    instance: str | msgspec.UnsetType = msgspec.UNSET
    host: str | msgspec.UnsetType = msgspec.UNSET
    zone: str | msgspec.UnsetType = msgspec.UNSET
    version: str | msgspec.UnsetType = msgspec.UNSET
    caller: str | msgspec.UnsetType = msgspec.UNSET
    calls: list[Number]
    qps: list[float]
    errors: list[Number]
    error_rate: list[float | None]
    avg_us: list[float | None]
    p50_us: list[int | None]
    p75_us: list[int | None]
    p90_us: list[int | None]
    p95_us: list[int | None]
    p99_us: list[int | None]
    p999_us: list[int | None]
    max_us: list[int | None]


class Release(msgspec.Struct, forbid_unknown_fields=True):
    """The first sight of a version."""

    service: str
    version: str
    first_seen_us: Us


class Series(Answered, kw_only=True):
    """Figures slot by slot."""

    step_us: int
    times: Annotated[list[int], Meta(description="begins of the slots")]
    filling: Annotated[list[bool], Meta(description="slots that are not over yet")]
    series: list[Line]
    versions: list[Release]
    unserved: Unserved | None


class ErrorGroup(msgspec.Struct, forbid_unknown_fields=True):
    """Failures of one kind."""

    service: str
    operation: str
    error_type: str
    count: Number
    first_seen_us: Us
    last_seen_us: Us
    newest_trace_id: str
    error_text: Annotated[str, Meta(description="of the newest")]
    trend: list[int] | None


class Errors(Answered, kw_only=True):
    """Failures grouped, the most frequent first."""

    groups: list[ErrorGroup]
    unserved: Unserved | None


class Heatmap(Answered, kw_only=True):
    """Calls by time and duration."""

    times: Annotated[list[int], Meta(description="begins of the columns")]
    step_us: int
    edges_us: Annotated[list[int], Meta(description="bounds of the rows")]
    cells: Annotated[list[tuple[int, int, int, int]], Meta(description="column, row, calls, failing calls")]
    max: int
    link: Annotated[str | None, Meta(description="the search of everything counted; null for other views")]
    unserved: Unserved | None
