"""The calling side of a call, guarded in one place: a row around each call of a library's function.

An adapter says how a row begins (``start``) and what an answer tells (``answered``). That nothing of ours
reaches the application, that the row is current while the library works, and what counts as a failure
(whatever the library raises, a call given up half-way included) is decided here.
"""

import functools
from collections.abc import Callable
from typing import Any

from hopline.context import Active
from hopline.hooks.guard import safely, span_or_noop
from hopline.hooks.patch import MARK
from hopline.noop import NOOP
from hopline.spans import Span

Start = Callable[[list[Any], dict[str, Any]], Span]
"""Begins the row of a call from its positional and keyword arguments, both of which it may change in place.

Returns the no-op where there is to be no row: inside another call, say.
"""
Answered = Callable[[Span, Any], object]
"""Told the row and what the function returned. It ends the row, now or when a body is read to its end."""


Failed = Callable[[Span, BaseException], object]
"""Told the row and what the library raised. It ends the row, now or when it is known what the application hears."""


def finish(span: Span, _result: Any) -> None:
    """The common answer: the call is over."""
    span.finish()


def fail(span: Span, error: BaseException) -> None:
    """The common failure: the call is over by what the library raised."""
    span.finish(error)


def around(start: Start, answered: Answered = finish) -> Callable[[Any], Any]:
    """A wrapper for :meth:`hopline.hooks.patch.Patches.wrap`: a row around each call of a function."""

    def wrap(original: Any) -> Any:
        @functools.wraps(original)
        def traced(*args: Any, **kwargs: Any) -> Any:
            given = list(args)
            span = _begun(traced, start, given, kwargs)
            if span is NOOP:
                return original(*given, **kwargs)
            with _Working(span):
                result = original(*given, **kwargs)
            safely(answered, span, result)
            return result

        return traced

    return wrap


def around_async(start: Start, answered: Answered = finish, failed: Failed = fail) -> Callable[[Any], Any]:
    """As :func:`around`, for a coroutine function."""

    def wrap(original: Any) -> Any:
        @functools.wraps(original)
        async def traced(*args: Any, **kwargs: Any) -> Any:
            given = list(args)
            span = _begun(traced, start, given, kwargs)
            if span is NOOP:
                return await original(*given, **kwargs)
            with _Working(span, failed):
                result = await original(*given, **kwargs)
            safely(answered, span, result)
            return result

        return traced

    return wrap


def _begun(traced: Any, start: Start, args: list[Any], kwargs: dict[str, Any]) -> Span:
    """The row of one call; the no-op where the hook is uninstalled, but still lies below what others put on top."""
    patch = traced.__dict__.get(MARK)
    return span_or_noop(start, args, kwargs) if patch is None or patch.on else NOOP


class _Working(Active):
    """``with`` around the library's work: its row is current, and whatever the library raises fails the row."""

    __slots__ = ("_failed",)

    def __init__(self, span: Span, failed: Failed = fail) -> None:
        Active.__init__(self, span)  # by name, which costs less than `super()`
        self._failed = failed

    def __exit__(self, *exc_info: object) -> None:
        Active.__exit__(self)
        error = exc_info[1]
        if isinstance(error, BaseException) and self._span is not None:
            safely(self._failed, self._span, error)
