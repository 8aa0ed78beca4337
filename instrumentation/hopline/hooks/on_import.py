"""Hooks that wait for their library: installed when it is imported, at once when it already is.

So a process pays only for what it uses, and a library that must be imported late
(after gevent's patching, say) is not imported early by us.
"""

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


class ImportWatch:
    """Finds nothing by itself: wraps the loading of the modules that are waited for."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Callable[[], object]]] = {}

    def when_imported(self, module: str, action: Callable[[], object]) -> bool:
        """Call ``action`` after ``module`` is imported, now when it is; whether that was now."""
        if module in sys.modules:
            action()
            return True
        self._waiting.setdefault(module, []).append(action)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        return False

    def forget(self) -> None:
        """Wait for nothing any more."""
        self._waiting.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        """What the other finders find, with our actions after its loading."""
        if fullname not in self._waiting:
            return None
        for finder in sys.meta_path:
            spec = finder.find_spec(fullname, path, target) if finder is not self else None
            if spec is not None:
                self._watch(fullname, spec)
                return spec
        return None

    def _watch(self, fullname: str, spec: "ModuleSpec") -> None:
        load = getattr(spec.loader, "exec_module", None)
        if load is None:
            return

        def exec_module(module: ModuleType) -> None:
            load(module)
            for action in self._waiting.pop(fullname, ()):
                action()

        try:
            # On the instance: the loader stays what it is for importlib.resources and the like.
            spec.loader.exec_module = exec_module  # type: ignore[union-attr,method-assign]
        except AttributeError:
            return  # a loader of an unusual kind; its library goes untraced
