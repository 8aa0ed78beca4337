"""What is known of who makes a request; a module of its own, for every verb of the command line loads it."""

from contextvars import ContextVar
from typing import Final

PREFIXES: Final[ContextVar[tuple[str, ...]]] = ContextVar("hopline_own_services", default=())
"""Beginnings of the names of services whose rows this request may send; empty: of any."""

SEEN: Final[ContextVar[tuple[str, ...]]] = ContextVar("hopline_seen_services", default=())
"""Beginnings of the names of services of which this request may be told; empty: of any."""
