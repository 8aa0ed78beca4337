"""The span model: every field of a row, once, for wire, tables and API alike.

A *row* is one side of a call. The client side and the server side of one call
are two rows with the same ``span_id`` (Zipkin's shared spans stay two rows
too): the identity of a row is ``(id, kind)``, never the path.
"""

from dataclasses import dataclass, field, fields
from typing import Final

Annotation = tuple[int, str, str]
"""``(ts_us, key, value)``: a timed note."""

Link = tuple[str, str, str]
"""``(trace_id, id, kind)`` of another span that this one belongs with."""

KINDS: Final = ("local", "client", "server", "producer", "consumer")
"""Span kinds; the index in this tuple is the kind's number on the wire."""

ENTRY_KINDS: Final = frozenset({"server", "consumer"})
"""Kinds under which work enters a process."""

CALL_KINDS: Final = frozenset({"client", "producer"})
"""Kinds that hand their own path to the callee, so number no children themselves."""

PEER_KINDS: Final = ("service", "db", "mq", "cache", "external")
"""What the far end of an outgoing call can be."""

SAMPLED: Final = 1
DEBUG: Final = 2
LOAD_TEST: Final = 4

FLAG_NAMES: Final = {"sampled": SAMPLED, "debug": DEBUG, "load_test": LOAD_TEST}
"""Names of the bits of :attr:`Row.flags`, as the JSON object spells them."""

WEIGHT_ONE: Final = 1_000
"""The weight of an unsampled-down row: thousandths of a call."""

WEIGHT_MAX: Final = 10_000_000
"""The largest weight: one row in ten thousand kept."""


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

PROCESS_FIELDS: Final = ("service", "instance", "host", "zone", "env", "version")
"""Fields that are facts of the process: once per message on the wire."""


def path_key(span_id: str) -> tuple[int, ...]:
    """Sort key under which ``0.2`` comes before ``0.10`` and fragments come last.

    Parts that are no number sort as -1, so any text has a place.
    """
    parts = span_id.split(".")
    head = (1,) if parts[0] == "~" else (0,)
    return head + tuple(int(p) if p.isascii() and p.isdigit() else -1 for p in parts)


def flags_to_json(flags: int) -> dict[str, bool]:
    """``{"sampled": true, ...}`` from the bit set."""
    return {name: bool(flags & bit) for name, bit in FLAG_NAMES.items()}


def flags_from_json(flags: dict[str, object]) -> int:
    """The bit set from an object of booleans; unknown names are ignored."""
    return sum(bit for name, bit in FLAG_NAMES.items() if flags.get(name))
