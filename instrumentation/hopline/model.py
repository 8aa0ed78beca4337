"""The span model: every field of a row, once, for wire, tables and API alike.

A *row* is one side of a call. The client side and the server side of one call
are two rows with the same ``span_id`` (Zipkin's shared spans stay two rows
too): the identity of a row is ``(id, kind)``, never the path.
"""

from dataclasses import dataclass, field, fields
from typing import Final

from hopline.vocabulary import (
    CALL_KINDS,
    DEBUG,
    ENTRY_KINDS,
    FLAG_NAMES,
    KINDS,
    LOAD_TEST,
    PEER_KINDS,
    PROCESS_FIELDS,
    SAMPLED,
    WEIGHT_MAX,
    WEIGHT_ONE,
    Annotation,
    Link,
    flags_from_json,
    flags_to_json,
)

__all__ = [
    "CALL_KINDS",
    "DEBUG",
    "ENTRY_KINDS",
    "FIELDS",
    "FLAG_NAMES",
    "KINDS",
    "LOAD_TEST",
    "PEER_KINDS",
    "PROCESS_FIELDS",
    "SAMPLED",
    "WEIGHT_MAX",
    "WEIGHT_ONE",
    "Annotation",
    "Link",
    "Row",
    "flags_from_json",
    "flags_to_json",
    "path_key",
]


@dataclass(slots=True)
class Row:
    """One side of a call. Times are integer microseconds since the epoch, UTC."""

    trace_id: str
    """32 lower-case hex digits; native ids begin with 8 hex of Unix seconds."""
    kind: str
    """One of :data:`KINDS`."""
    service: str
    name: str
    start_us: int
    span_id: str = ""
    """Hierarchical path ``0``, ``0.1``; ``~``, ``~.1`` in a fragment; ``""`` when unknown."""
    id: str = ""
    """16 lower-case hex digits: this row."""
    parent_id: str | None = None
    """16 lower-case hex digits: the row that caused it."""
    duration_us: int | None = None
    """``None`` while unfinished."""
    instance: str = ""
    """``host:pid`` by default."""
    host: str = ""
    zone: str = ""
    """Data centre."""
    env: str = ""
    """Deployment environment."""
    version: str = ""
    error: bool = False
    error_type: str = ""
    error_text: str = ""
    caller_service: str = ""
    caller_instance: str = ""
    caller_zone: str = ""
    caller_name: str = ""
    peer: str = ""
    """Far end of an outgoing call; the topic for producer and consumer rows."""
    peer_kind: str = ""
    """One of :data:`PEER_KINDS`, or empty."""
    uid: str = ""
    annotations: list[Annotation] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    """Searchable through the index."""
    attrs: dict[str, str] = field(default_factory=dict)
    """High-entropy keys (url, path, query text): searchable by scan only."""
    links: list[Link] = field(default_factory=list)
    children: int = 0
    """How many child numbers the row had handed out when it was sent."""
    flags: int = SAMPLED
    """Bits :data:`SAMPLED`, :data:`DEBUG`, :data:`LOAD_TEST`; an object of booleans in JSON."""
    weight: int = WEIGHT_ONE
    """Thousandths: 1000 / sample rate, 1,000 to 10,000,000."""
    attempt: int = 0
    """Retry number, 0 for the first."""
    arrived: int = 0
    """Set by the collector from the plan; microseconds."""


FIELDS: Final = tuple(f.name for f in fields(Row))
"""Names of all fields, in the order of :class:`Row`."""


def path_key(span_id: str) -> tuple[int, ...]:
    """Sort key under which ``0.2`` comes before ``0.10`` and fragments come last.

    Parts that are no number sort as -1, so any text has a place.
    """
    parts = span_id.split(".")
    head = (1,) if parts[0] == "~" else (0,)
    return head + tuple(int(p) if p.isascii() and p.isdigit() else -1 for p in parts)
