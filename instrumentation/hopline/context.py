"""The one context variable: the span that the running code belongs to.

Its value is a recording span, the root of an unsampled trace, the shared no-op
(nothing is to be traced here: our own sender thread), or ``None`` (no trace).
"""

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hopline.spans import Span

current: ContextVar["Span | None"] = ContextVar("hopline_current_span", default=None)

# Bound once: looking the methods up costs each span a tenth.
get_current = current.get
set_current = current.set


class Active:
    """``with Active(span):`` makes a begun span the current one, without beginning or ending it."""

    __slots__ = ("_before", "_span")

    def __init__(self, span: "Span | None") -> None:
        self._span = span

    def __enter__(self) -> None:
        self._before = current.get()
        current.set(self._span)

    def __exit__(self, *exc_info: object) -> None:
        if current.get() is self._span:
            current.set(self._before)
