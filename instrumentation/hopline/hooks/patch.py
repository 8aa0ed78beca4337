"""Replacing attributes of other people's modules, and putting the originals back."""

from collections.abc import Callable
from typing import Any


class Patches:
    """The replacements of one hook. Applying twice is applying once."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any]] = []

    @property
    def applied(self) -> bool:
        """Whether anything is replaced now."""
        return bool(self._originals)

    def wrap(self, owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
        """Replace attribute ``name`` of ``owner`` by ``wrapper(original)``; nothing when it has none."""
        original = owner.__dict__.get(name) if isinstance(owner, type) else getattr(owner, name, None)
        if original is not None:
            setattr(owner, name, wrapper(original))
            self._originals.append((owner, name, original))

    def undo(self) -> None:
        """Put every original back."""
        while self._originals:
            owner, name, original = self._originals.pop()
            setattr(owner, name, original)
