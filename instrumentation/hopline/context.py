"""Which span the running code belongs to, and making another one the current."""

from hopline.spans import Span, current, get_current, set_current, still_open

__all__ = ["Active", "current", "get_current", "set_current"]


class Active:
    """``with Active(span):`` makes a begun span the current one, without beginning or ending it."""

    __slots__ = ("_before", "_span")

    def __init__(self, span: Span | None) -> None:
        self._span = span

    def __enter__(self) -> None:
        self._before = current.get()
        current.set(self._span)

    def __exit__(self, *exc_info: object) -> None:
        span, before = self._span, self._before
        if current.get() is span:
            current.set(before if before is None or span is None or not before.end_ns else still_open(before, span))


class Detached:
    """``with hopline.detached():`` nothing below belongs to the current span: what begins there begins a trace.

    For what is started once and lives on: a worker thread, a connection pool, a consumer's task.
    """

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = current.get()
        current.set(None)

    def __exit__(self, *exc_info: object) -> None:
        current.set(self._before)
