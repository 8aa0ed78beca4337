"""Which of the twenty service colours a service has on a page.

Services are sorted by a hash of their name and placed by linear probing: the
same set of services has the same colours for every viewer, and below twenty
services none share one.
"""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

COLOURS: Final = 20
"""Colours ``--svc-0`` to ``--svc-19`` of ``static/css/tokens.css``."""


def colours(services: Iterable[str]) -> dict[str, int]:
    """Service to colour index."""
    ordered = sorted((crc32(name.encode("utf-8", "replace")), name) for name in set(services))
    chosen: dict[str, int] = {}
    used: set[int] = set()
    for digest, name in ordered:
        colour = digest % COLOURS
        while colour in used and len(used) < COLOURS:
            colour = (colour + 1) % COLOURS
        used.add(colour)
        chosen[name] = colour
    return chosen
