"""Words and numbers of the span model that the client's core needs; :mod:`hopline.model` has the fields of a row."""

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

PROCESS_FIELDS: Final = ("service", "instance", "host", "zone", "env", "version")
"""Fields that are facts of the process: once per message on the wire."""


def flags_to_json(flags: int) -> dict[str, bool]:
    """``{"sampled": true, ...}`` from the bit set."""
    return {name: bool(flags & bit) for name, bit in FLAG_NAMES.items()}


def flags_from_json(flags: dict[str, object]) -> int:
    """The bit set from an object of booleans; unknown names are ignored."""
    return sum(bit for name, bit in FLAG_NAMES.items() if flags.get(name))
