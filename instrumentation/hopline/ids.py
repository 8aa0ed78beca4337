"""Trace and span ids: numbers inside the process, lower-case hex outside.

A native trace id carries its time: the first 8 hex are the Unix seconds of its
creation, the other 96 bits are random. The generator is ours alone, so that an
application that seeds :mod:`random` gets no repeated ids, and it is seeded anew
after a fork.
"""

import os
import zlib
from _random import Random  # what `random` wraps; the wrapper would be a tenth of `import hopline`
from typing import Final

RANDOM_BITS: Final = 96
"""Bits of a trace id that are random; the upper 32 are Unix seconds."""

TRACE_BYTES: Final = 16

MAX_DEPTH: Final = 80
"""Most components that a path may have (``0.1`` has two)."""

MAX_PATH: Final = 160
"""Longest path in characters."""

MOST_CHILDREN: Final = 2**31 - 1
CHILD_NUMBERS: Final = range(1, MOST_CHILDREN + 1)
"""Iterated by each row that has children; how many numbers are left tells how many were taken."""

FRAGMENT: Final = "~"
"""First path component of rows behind a hop that does not know us."""

PATH: Final = r"[0~](?:\.[1-9][0-9]{0,9}){0,100}"
"""Grammar of a path (``0.1.2``, ``~.3``), of any depth."""

_random = Random()
os.register_at_fork(after_in_child=_random.seed)

random_bits = _random.getrandbits
"""``random_bits(64)`` is a new span id (0, the one id that is not valid, has odds of 2**-64)."""


def new_trace_id(seconds: int) -> int:
    """New 128-bit trace id, made at ``seconds`` since the epoch."""
    return (seconds & 0xFFFFFFFF) << RANDOM_BITS | random_bits(RANDOM_BITS)


def trace_hex(trace_id: int) -> str:
    """32 lower-case hex digits."""
    return f"{trace_id:032x}"


def span_hex(span_id: int) -> str:
    """16 lower-case hex digits."""
    return f"{span_id:016x}"


def trace_bucket(trace_id: bytes) -> int:
    """Bucket of a trace id of 16 bytes: its CRC-32. The partition is the bucket modulo their number."""
    return zlib.crc32(trace_id)


def within_limits(path: str) -> bool:
    """Whether a path respects :data:`MAX_DEPTH` and :data:`MAX_PATH`."""
    return len(path) <= MAX_PATH and path.count(".") < MAX_DEPTH
