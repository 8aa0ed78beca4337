"""Error texts with what differs from one failure to the next replaced, so that equal troubles fall together."""

import re

LONGEST = 500
"""Characters of a text that are compared."""

VARYING = re.compile(
    r"""(?P<quoted>"[^"]*"|`[^`]*`|(?<![A-Za-z])'[^']*'(?![A-Za-z]))
    |(?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)
    |(?P<number>(?<![A-Za-z_])[-+]?\d[\d.,:]*(?:[eE][-+]?\d+)?(?=[A-Za-z_]*))
    """,
    re.VERBOSE,
)

ID = re.compile(r"\b(?=[A-Za-z_-]*\d)[0-9A-Za-z]+(?:[-_][0-9A-Za-z]+)*\b")
"""A word that holds a digit: an id, an address, a name with a number."""


def normalised(text: str) -> str:
    """The text with quoted parts, ids and numbers as ``?``, on one line, cut to :data:`LONGEST` characters."""
    line = " ".join(text[: 4 * LONGEST].split())
    line = VARYING.sub("?", ID.sub("?", _quotes(line)))
    return re.sub(r"\?(?:[.,:/-]?\?)+", "?", line)[:LONGEST]


def _quotes(line: str) -> str:
    return VARYING.sub(lambda found: "?" if found["quoted"] else found[0], line)
