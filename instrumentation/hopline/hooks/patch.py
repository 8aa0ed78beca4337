"""Replacing attributes of other people's modules, and putting the originals back.

Other agents replace them too, before us or after, so: what we find is called as its owner would call it, what lies
on top of ours stays there, and an attribute that is inherited is replaced where it is looked for.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

MARK: Final = "__hopline__"
"""Attribute of a function of ours: the patch that it is placed by."""
_MISSING: Final = object()


class Patch:
    """One attribute replaced. A wrapper of ours that others hold on to after :meth:`undo` sees that it is off."""

    __slots__ = ("inherited", "name", "on", "original", "owner", "placed")

    def __init__(self, owner: Any, name: str, original: Any, *, inherited: bool) -> None:
        self.owner = owner
        self.name = name
        self.original = original
        self.inherited = inherited
        self.on = True
        self.placed: Any = None

    def place(self, wrapper: Callable[[Any], Any]) -> None:
        """Put ``wrapper(original)`` in the original's place; a class method stays one."""
        original = self.original
        if isinstance(original, classmethod):
            self.placed = classmethod(self._marked(wrapper(original.__func__)))
        else:
            self.placed = self._marked(wrapper(_as_function(original) if isinstance(self.owner, type) else original))
        setattr(self.owner, self.name, self.placed)

    def _marked(self, made: Any) -> Any:
        if isinstance(made, FunctionType):
            made.__dict__[MARK] = self
        return made

    def undo(self) -> None:
        """Put the original back; below what others have put on top, where ours has to stay, only stop using ours."""
        self.on = False
        if vars(self.owner).get(self.name) is not self.placed:
            return
        if self.inherited:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.original)


class Patches:
    """The replacements of one hook. Applying twice is applying once."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []

    @property
    def applied(self) -> bool:
        """Whether anything is replaced now."""
        return bool(self._patches)

    def wrap(self, owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
        """Replace attribute ``name`` of ``owner`` by ``wrapper(original)``; nothing when it has none.

        A class may inherit it; from one that is patched already it has ours.
        """
        own = vars(owner).get(name, _MISSING)
        original = own if own is not _MISSING else _inherited(owner, name)
        if original is _MISSING or (own is _MISSING and hasattr(original, MARK)):
            return
        patch = Patch(owner, name, original, inherited=own is _MISSING)
        patch.place(wrapper)
        self._patches.append(patch)

    def undo(self) -> None:
        """Put every original back."""
        while self._patches:
            self._patches.pop().undo()


def _inherited(owner: Any, name: str) -> Any:
    for base in getattr(owner, "__mro__", ())[1:-1]:
        if name in vars(base):
            return vars(base)[name]
    return _MISSING


def _as_function(original: Any) -> Any:
    """``original``, to be called with its instance first; another descriptor is bound as Python does it."""
    if type(original) is FunctionType or not hasattr(type(original), "__get__"):
        return original

    def bound(instance: Any, *args: Any, **kwargs: Any) -> Any:
        return original.__get__(instance, type(instance))(*args, **kwargs)

    bound.__wrapped__ = original  # type: ignore[attr-defined]
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(bound, name, getattr(original, name, getattr(bound, name)))
    return bound
