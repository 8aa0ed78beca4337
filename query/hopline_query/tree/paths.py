"""The grammar of hierarchical span ids: ``0``, ``0.1``, ``0.1.1``; ``~``, ``~.1`` in a fragment.

Components are counted from 1 by this tracer. Others of the line write 0 (EagleEye's local rows)
or a message's id (its consumers): valid, but no counters (:func:`counters`).
"""

import re
from collections.abc import Iterable

PATH = re.compile(r"[0~](?:\.(?:0|[1-9][0-9]{0,39}))*")
"""A whole well-formed path. The bound on digits, those of a 128-bit number, keeps hostile ones cheap."""

JUMP = 1_000
"""A number that lies further beyond all smaller ones was not counted up to."""

LONGEST = 2_000
"""Characters of a derived path; deeper nodes have no span id of their own (T19 stays linear)."""


def well_formed(path: str) -> bool:
    """True for a path that a tracer of this line could have made."""
    return PATH.fullmatch(path) is not None


def parent_path(path: str) -> str:
    """The path one level up, ``""`` for a root."""
    return path.rpartition(".")[0]


def number(path: str) -> int | None:
    """The child number at the end of a path, None for a root."""
    head, _, last = path.rpartition(".")
    return int(last) if head else None


def counters(numbers: Iterable[int], handed_out: int) -> set[int]:
    """Those of a parent's child numbers that a counter gave, ``handed_out`` being known to have been given."""
    found: set[int] = set()
    last = handed_out
    for ordinal in sorted(numbers):
        if ordinal > last + JUMP:
            break
        last = max(last, ordinal)
        found.add(ordinal)
    return found - {0}


def child_path(path: str, ordinal: int) -> str:
    """The path of a child; ``""`` where the parent has none or it would grow too long."""
    return f"{path}.{ordinal}" if path and len(path) < LONGEST else ""
