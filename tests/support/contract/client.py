"""A calling library as the contract sees it: one call that succeeds, one that fails, and what its row says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Subject:
    """One library.

    ``use(env)`` makes whatever the calls need and returns them: ``good()`` makes one successful call,
    ``bad()`` one that fails and must raise what the library raises without us. ``env`` gives fixtures by name
    (``env("backend")``, ``env("redis_port")``).
    """

    name: str
    hooks: tuple[str, ...]
    use: Callable[[Callable[[str], Any]], "Calls"]
    kind: str = "client"
    leaves_out: dict[str, str] = field(default_factory=dict)
    """Cases that cannot be had with this library, with the reason."""
    patched: Callable[[], Any] | None = None
    """What a look at the library's patched attribute gives, where there is one: it must be the same after uninstall."""


@dataclass(frozen=True)
class Calls:
    """What a subject does, and what the row of its good call must say."""

    good: Callable[[], Any]
    bad: Callable[[], Any]
    error: type[BaseException]
    row: dict[str, Any]
    """Fields of the good call's row: ``name``, ``peer``, ``peer_kind``."""
    close: Callable[[], Any] = lambda: None
