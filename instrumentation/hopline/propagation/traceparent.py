"""W3C trace-context, header ``traceparent`` (https://www.w3.org/TR/trace-context/)."""

import re
from typing import Final

_FORM: Final = re.compile(r"[ \t]*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?[ \t]*", re.ASCII)

SAMPLED_FLAG: Final = 1
RANDOM_FLAG: Final = 2
"""Level 2: the right-most 56 bits of the trace id are random; goes on as it came."""


def parse(header: str) -> tuple[int, int, int] | None:
    """Trace id, parent id (numbers, never zero) and the flags that are known, or ``None``.

    A version above 00 may be longer, after one more hyphen; version ff is invalid.
    """
    match = _FORM.fullmatch(header)
    if match is None:
        return None
    version, trace, parent, flags, more = match.groups()
    if version == "ff" or (more is not None and version == "00"):
        return None
    trace_id, parent_id = int(trace, 16), int(parent, 16)
    if not trace_id or not parent_id:
        return None
    return trace_id, parent_id, int(flags, 16) & (SAMPLED_FLAG | RANDOM_FLAG)


def write(trace_id: int, span_id: int, flags: int) -> str:
    """The header, version 00; ``flags`` are :data:`SAMPLED_FLAG` and :data:`RANDOM_FLAG`."""
    return f"00-{trace_id:032x}-{span_id:016x}-0{flags}"
