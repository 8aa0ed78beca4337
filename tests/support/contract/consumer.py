"""A library that hands over messages, as the contract sees it: one is sent, one is handled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Boom(Exception):  # noqa: N818 - what a handler raises is named as it likes
    """What the contract's handler raises."""


@dataclass(frozen=True)
class Subject:
    """One library. ``use(env)`` makes what it needs; ``env`` gives fixtures by name."""

    name: str
    hooks: tuple[str, ...]
    use: Callable[[Callable[[str], Any]], "Exchange"]
    leaves_out: dict[str, str] = field(default_factory=dict)
    """Cases that cannot be had with this library, with the reason."""


@dataclass(frozen=True)
class Exchange:
    """``send()`` sends one message; ``process(handle)`` receives one and calls ``handle()`` as its handling.

    What ``handle`` raises is raised as the library would have it, and goes no further than ``process``.
    """

    send: Callable[[], Any]
    process: Callable[[Callable[[], Any]], Any]
    destination: str
    """What the map calls the far end."""
    close: Callable[[], Any] = lambda: None
