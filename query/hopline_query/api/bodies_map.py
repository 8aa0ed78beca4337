"""Shape of the dependency map."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hopline_query.api.bodies_common import Answered, Unserved
from hopline_query.api.bodies_figures import Callers, Number


class Side(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Calls as one side told them; null where it told none."""

    calls: Number
    errors: Number
    error_rate: float | None
    avg_us: float | None
    p50_us: int | None
    p90_us: int | None
    p99_us: int | None
    p999_us: int | None
    max_us: int | None
    sampled: Annotated[int, Meta(description="rows behind the figures")]


class Node(Side, kw_only=True):
    """A service, or what services call."""

    name: Annotated[str, Meta(description="its key: a service, db:shop, mq:orders, external:bank, USER")]
    label: str
    kind: str
    success_rate: float | None
    qps_in: float
    qps_out: float
    apdex: float | None
    status_4xx: Number | None
    slow: Number | None
    last_seen_us: int | None
    hidden_neighbours: Annotated[int, Meta(description="beyond the focus")]
    instances: int | None
    callers: Callers | None
    entry: bool


class Edge(Side, kw_only=True):
    """Calls between two nodes, from both sides."""

    caller: str
    callee: str
    kind: str
    calls_per_s: float
    client: Side
    server: Side
    network_us: float | None
    unreceived: Annotated[Number, Meta(description="calls that the callee never told of")]
    calls_per_trace_avg: Annotated[float | None, Meta(description="of the map of a trace or a search")]
    calls_per_trace_max: int | None
    last_seen_us: int | None
    cross_zone: Annotated[float | None, Meta(description="share of the calls that crossed zones")]
    loop: bool
    estimated: bool


class Degree(msgspec.Struct, forbid_unknown_fields=True):
    """A node and how many edges it has."""

    name: str
    edges: int


class Hints(msgspec.Struct, forbid_unknown_fields=True):
    """What stands out in the shape of the map."""

    cycles: list[list[str]]
    groups: Annotated[list[list[str]], Meta(description="services that call each other in a circle")]
    longest_path: list[str]
    fan_in: list[Degree]
    fan_out: list[Degree]


class Dependencies(Answered, kw_only=True):
    """The dependency map."""

    nodes: list[Node]
    edges: list[Edge]
    hints: Hints
    focus: str | None
    nodes_total: int
    edges_total: int
    unserved: Unserved | None
    traces: Annotated[int, Meta(description="that the map of a search was drawn from")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    traces_total: int | msgspec.UnsetType = msgspec.UNSET
