"""Shapes of one trace: as a tree, flat, and as the columns of a timeline."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hopline_query.api.bodies_common import Failure, Freshness, Us

LinkRow = tuple[str, str, str]


class Flags(msgspec.Struct, forbid_unknown_fields=True):
    """What was decided about a trace."""

    sampled: bool
    debug: bool
    load_test: bool


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """A service in a trace."""

    service: str
    nodes: Annotated[int, Meta(description="calls that it answered or did itself")]
    spans: Annotated[int, Meta(description="its rows")]
    errors: Annotated[int, Meta(description="its failing rows")]


class Repeated(msgspec.Struct, forbid_unknown_fields=True):
    """Equal calls of one parent."""

    parent: str
    service: str
    name: str
    count: int
    total_us: int


class Warned(msgspec.Struct, forbid_unknown_fields=True):
    """Something odd about the trace."""

    code: str
    level: str
    message: str
    count: int
    keys: Annotated[list[str], Meta(description="nodes, the first 20")]


class Window(msgspec.Struct, forbid_unknown_fields=True):
    """Which of the nodes are shown."""

    offset: int
    limit: int | None
    total: int
    root: str | None


class Header(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What all shapes of a trace share."""

    trace_id: str
    state: Annotated[str, Meta(description="complete, in_progress, incomplete or unknown")]
    service: Annotated[str, Meta(description="of the root")]
    name: Annotated[str, Meta(description="of the root")]
    start_us: Us
    end_us: Annotated[int, Meta(description="end of the last row")]
    duration_us: Annotated[int, Meta(description="what the root took; the extent where no root came")]
    extent_us: Annotated[int, Meta(description="first start to last end")]
    after_us: Annotated[int, Meta(description="work after the root's end, by adjusted times")]
    expected: Annotated[int, Meta(description="calls that must have been")]
    received: int
    missing: Annotated[list[str], Meta(description="span ids, or ids where no path is known, at most 1,000")]
    missing_total: int
    missing_truncated: bool
    spans: Annotated[int, Meta(description="rows")]
    rows: int
    total_rows: int
    truncated: bool
    depth: Annotated[int, Meta(description="levels")]
    errors: Annotated[int, Meta(description="failing calls")]
    uids: list[str]
    envs: list[str]
    services: list[Part]
    failure: Failure | None
    flags: Flags
    weight: Annotated[int, Meta(description="thousandths of traces that it stands for")]
    status: str
    root_received: bool
    adjusted: Annotated[bool, Meta(description="what a skewed clock misplaced was moved")]
    derived: Annotated[bool, Meta(description="paths were made up")]
    links: Annotated[list[LinkRow], Meta(description="trace id, id, kind")]
    linked_from: Annotated[list[LinkRow], Meta(description="trace id, id, kind of rows that link here")]
    repeated: list[Repeated]
    warnings: list[Warned]
    freshness: Freshness
    window: Window


class Network(msgspec.Struct, forbid_unknown_fields=True):
    """Time between the two sides of a call."""

    out_us: int
    in_us: int
    total_us: int


class NodeWarning(msgspec.Struct, forbid_unknown_fields=True):
    """Something odd about a call."""

    code: str
    level: str
    message: str


class Call(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A node: both sides of a call."""

    key: str
    span_id: str
    derived: bool
    reported: Annotated[str, Meta(description="the path as it was sent")]
    id: str
    service: str
    name: str
    kind: Annotated[str | None, Meta(description="null for a placeholder")]
    peer: str
    peer_kind: str
    caller_service: str
    caller_name: str
    instance: str
    placeholder: Annotated[bool, Meta(description="known by its children or numbers alone")]
    depth: int
    start_us: Us
    duration_us: Us
    inner_start_us: Annotated[int | None, Meta(description="the callee's side, where both came")]
    inner_duration_us: int | None
    unfinished: bool
    time_unknown: bool
    error: bool
    error_type: str
    error_text: str
    attempt: int
    one_way: bool
    network: Network | None
    queue_us: int | None
    self_us: Us
    gap_us: Us
    critical_us: Us
    critical_share: float
    subtree_nodes: int
    subtree_errors: int
    skew_us: int | None
    skew_reason: str | None
    expected_children: int
    missing_children: list[str]
    warnings: list[NodeWarning]
    rows: Annotated[list[dict[str, Any]], Meta(description="rows of docs/row.md, the caller's side first")]


class TreeCall(Call, kw_only=True):
    """A node with the calls that it made."""

    children: Annotated[list[dict[str, Any]], Meta(description="nodes like this one")]


class Continued(msgspec.Struct, forbid_unknown_fields=True):
    """What lies deeper than 200 levels."""

    parent: Annotated[str, Meta(description="key of the node that it hangs on")]
    node: TreeCall


class TreeTrace(Header, kw_only=True):
    """One trace as a tree (shape=flat and shape=timeline have the same header)."""

    nodes: Annotated[int, Meta(description="calls")]
    roots: list[TreeCall]
    continued: list[Continued]


class IndexedCall(Call, kw_only=True):
    """A node by its place in the whole trace."""

    index: int
    parent: int | None


class FlatTrace(Header, kw_only=True):
    """One trace as a list of nodes."""

    nodes: list[IndexedCall]


class TimelineTrace(Header, kw_only=True):
    """One trace as columns."""

    nodes: Annotated[int, Meta(description="calls")]
    service_table: list[str]
    name_table: list[str]
    kinds: list[str]
    columns: Annotated[dict[str, list[Any]], Meta(description="all of one length, a node each")]
    critical_path: Annotated[list[tuple[int, int, int]], Meta(description="place of the node, from us, to us")]
