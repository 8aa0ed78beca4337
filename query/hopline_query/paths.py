"""The grammar of hierarchical span ids: ``0``, ``0.1``, ``0.1.1``; ``~``, ``~.1`` in a fragment."""

import re

PATH = re.compile(r"[0~](?:\.[1-9][0-9]{0,8})*")
"""A whole well-formed path. The bound on digits keeps hostile numbers cheap."""

LONGEST = 2_000
"""Characters of a derived path; deeper nodes have no span id of their own (T19 stays linear)."""


def well_formed(path: str) -> bool:
    """True for a path that this tracer could have made."""
    return PATH.fullmatch(path) is not None


def parent_path(path: str) -> str:
    """The path one level up, ``""`` for a root."""
    return path.rpartition(".")[0]


def number(path: str) -> int:
    """The child number at the end of a path, 0 for a root."""
    head, _, last = path.rpartition(".")
    return int(last) if head else 0


def child_path(path: str, ordinal: int) -> str:
    """The path of a child; ``""`` where the parent has none or it would grow too long."""
    return f"{path}.{ordinal}" if path and len(path) < LONGEST else ""
