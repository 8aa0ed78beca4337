"""Shapes of answers of the native API, each stated once: OpenAPI and the field tables of docs/api.md come from here.

Times are microseconds since the epoch, durations microseconds. A test holds every answer against its shape.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hopline_query.api.bodies_common import Answered, Failure, Freshness, Us
from hopline_query.api.bodies_figures import Errors, Heatmap, Instances, Series, Stats
from hopline_query.api.bodies_map import Dependencies
from hopline_query.api.bodies_trace import FlatTrace, TimelineTrace, TreeTrace
from hopline_query.api.bodies_why import Causes, CriticalPath, Differs, Query, Shapes, Worse


class ServiceSpans(msgspec.Struct, forbid_unknown_fields=True):
    """A service in a trace."""

    service: str
    spans: int
    errors: int


class TraceLine(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A trace in a list."""

    trace_id: str
    service: Annotated[str, Meta(description="of the root")]
    name: Annotated[str, Meta(description="of the root")]
    start_us: Us
    end_us: Annotated[int, Meta(description="end of the last row")]
    duration_us: Annotated[int, Meta(description="what the root took; the extent where no root came")]
    extent_us: Annotated[int, Meta(description="first start to last end")]
    spans: Annotated[int, Meta(description="rows")]
    nodes: Annotated[int, Meta(description="calls")]
    errors: Annotated[int, Meta(description="failing calls")]
    services: list[ServiceSpans]
    uids: list[str]
    envs: list[str]
    env: str
    ahead_us: Annotated[int, Meta(description="how far ahead of now a fast clock dated its start")]
    running: Annotated[bool, Meta(description="rows may still come")]
    incomplete: Annotated[bool, Meta(description="calls are missing")]
    root_received: bool
    recovered: Annotated[bool, Meta(description="calls failed, the root did not")]
    load_test: bool
    debug: bool
    weight: Annotated[int, Meta(description="thousandths of traces that it stands for")]
    status: str
    failure: Failure | None
    matched: Annotated[list[str], Meta(description="ids of rows that met the search, the first 100")]
    matched_total: int
    action: Annotated[str, Meta(description="what the user did (timelines only)")] | msgspec.UnsetType = msgspec.UNSET
    tags: Annotated[dict[str, str], Meta(description="values of parameter tags")] | msgspec.UnsetType = msgspec.UNSET


class FilterTerm(msgspec.Struct, forbid_unknown_fields=True):
    """A term of the filter, as it was understood."""

    text: str
    key: str
    op: str
    value: str
    negated: bool


class Search(Answered, kw_only=True):
    """A page of traces."""

    traces: list[TraceLine]
    count: Annotated[int, Meta(description="matches of the whole search, counted to 10,000")]
    count_exact: bool
    next_cursor: Annotated[str | None, Meta(description="parameter cursor of the next page")]
    limit: int
    order_by: str
    as_of_us: Annotated[int, Meta(description="later pages show what was there then")]
    terms: list[FilterTerm]


class ByIds(msgspec.Struct, forbid_unknown_fields=True):
    """Several traces by ids (parameter ids)."""

    traces: list[dict[str, Any]]
    not_found: list[dict[str, Any]]
    freshness: Freshness


class Day(msgspec.Struct, forbid_unknown_fields=True):
    """Traces of a user that began on one day (UTC)."""

    day: Annotated[str, Meta(description="YYYY-MM-DD")]
    day_us: Us
    traces: int
    errors: Annotated[int, Meta(description="traces with a failing call")]


class Timeline(Search, kw_only=True):
    """A user's traces and days."""

    uid: str
    found: bool
    days: list[Day]
    first_seen_us: int | None
    last_seen_us: int | None
    suggestions: Annotated[list[str], Meta(description="uids that begin so, where none is exactly so")]
    sampled: Annotated[bool, Meta(description="not every trace was kept")]
    sampling_note: str | None


class Point(msgspec.Struct, forbid_unknown_fields=True):
    """A trace of the scatter."""

    trace_id: str
    start_us: Us
    duration_us: Us
    extent_us: Us
    errors: int
    spans: int
    service: str
    name: str


class Points(Answered, kw_only=True):
    """The search as points."""

    points: list[Point]


class Service(msgspec.Struct, forbid_unknown_fields=True):
    """A service that reported."""

    service: str
    calls: Annotated[int, Meta(description="finished entry calls")]
    errors: int
    last_seen_us: int | None
    kind: str


class Services(Answered, kw_only=True):
    """Services of a range."""

    services: list[Service]


class Operation(msgspec.Struct, forbid_unknown_fields=True):
    """An operation of a service."""

    service: str
    name: str
    kind: Annotated[str, Meta(description="local, client, server, producer or consumer")]
    calls: int
    errors: int
    last_seen_us: int | None


class Operations(Answered, kw_only=True):
    """Operations, the most called first."""

    service: str | None
    operations: list[Operation]


class Peer(msgspec.Struct, forbid_unknown_fields=True):
    """What a service calls."""

    peer: Annotated[str, Meta(description="node key of the map")]
    kind: str
    calls: int


class Peers(Answered, kw_only=True):
    """Far ends of a service."""

    service: str
    peers: list[Peer]


class TagKey(msgspec.Struct, forbid_unknown_fields=True):
    """An indexed key."""

    key: str
    rows: int


class TagKeys(Answered, kw_only=True):
    """Keys of tags, the most frequent first."""

    keys: list[TagKey]


class TagValue(msgspec.Struct, forbid_unknown_fields=True):
    """A value of a tag."""

    value: str
    rows: int


class TagValues(Answered, kw_only=True):
    """Values of one key, the most frequent first."""

    key: str
    values: list[TagValue]


class Envs(msgspec.Struct, forbid_unknown_fields=True):
    """Deployment environments."""

    envs: list[str]
    freshness: Freshness
    took_ms: int
    from_us: Us
    to_us: Us


class Found(msgspec.Struct, forbid_unknown_fields=True):
    """What a pasted text names."""

    kind: Annotated[str, Meta(description="trace, user, filter or nothing")]
    trace_id: str | None
    uid: str | None
    filter: str | None
    candidates: list[str]


class Extent(msgspec.Struct, forbid_unknown_fields=True):
    """The widest range with data."""

    oldest_us: int | None
    newest_us: int | None
    traces: Annotated[int, Meta(description="about so many")]
    empty: bool


ANSWERS: dict[str, type[msgspec.Struct]] = {
    "/traces/{trace_id}": TreeTrace,
    "/traces": Search,
    "/traces/points": Points,
    "/users/{uid}/timeline": Timeline,
    "/stats": Stats,
    "/series": Series,
    "/errors": Errors,
    "/heatmap": Heatmap,
    "/dependencies": Dependencies,
    "/causes": Causes,
    "/differs": Differs,
    "/critical-path": CriticalPath,
    "/worse": Worse,
    "/shapes": Shapes,
    "/query": Query,
    "/services": Services,
    "/operations": Operations,
    "/peers": Peers,
    "/instances": Instances,
    "/tags": TagKeys,
    "/tags/{key}/values": TagValues,
    "/envs": Envs,
    "/find": Found,
    "/range": Extent,
    "/freshness": Freshness,
}
"""Path below ``/api/v1`` -> the shape of its answer."""

OTHERS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "/traces": (ByIds,),
    "/traces/{trace_id}": (FlatTrace, TimelineTrace),
}
"""Further shapes of the same paths, by parameters ``ids`` and ``shape``."""


def described(path: str) -> dict[str, Any]:
    """The JSON schema of what a path answers."""
    told, *others = map(schema, (ANSWERS[path], *OTHERS.get(path, ())))
    return {"anyOf": [told, *others]} if others else told


def schema(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a shape, whole: what it refers to stands in its place."""
    (outer,), named = msgspec.json.schema_components([shape], ref_template="{name}")
    return dict(_whole(outer, named))


def _whole(part: Any, named: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_whole(one, named) for one in part]
    if not isinstance(part, dict):
        return part
    rest = {key: _whole(value, named) for key, value in part.items() if key != "$ref"}
    return {**_whole(named[part["$ref"]], named), **rest} if "$ref" in part else rest
