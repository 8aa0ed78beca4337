"""W3C trace-context, header ``traceparent`` (https://www.w3.org/TR/trace-context/)."""

import re
from typing import Final, NamedTuple

_VERSION_00: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)

SAMPLED_FLAG: Final = 1


class TraceParent(NamedTuple):
    """What a valid ``traceparent`` says; ids as numbers, never zero."""

    trace_id: int
    parent_id: int
    sampled: bool


def parse(header: str) -> TraceParent | None:
    """The header's content, or ``None`` when the rules of the specification refuse it.

    A version above 00 may be longer, after one more hyphen; version ff is invalid.
    """
    header = header.strip(" \t")
    match = _VERSION_00.match(header)
    if match is None:
        return None
    version, trace, parent, flags = match.groups()
    longer = len(header) > 55
    if version == "ff" or (longer and (version == "00" or header[55] != "-")):
        return None
    trace_id, parent_id = int(trace, 16), int(parent, 16)
    if not trace_id or not parent_id:
        return None
    return TraceParent(trace_id, parent_id, bool(int(flags, 16) & SAMPLED_FLAG))


def write(trace_id: int, span_id: int, sampled: bool) -> str:
    """The header, version 00."""
    return f"00-{trace_id:032x}-{span_id:016x}-{'01' if sampled else '00'}"
