"""Keeping errors of our own away from the application that a hook sits in.

A hook stands between an application and its library, so whatever of ours runs
there may fail without harm: it is counted, warned about, and the work goes on.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from hopline import tracer as tracing
from hopline.noop import NOOP
from hopline.spans import Span

P = ParamSpec("P")
R = TypeVar("R")


def span_or_noop(make: Callable[P, Span], *args: P.args, **kwargs: P.kwargs) -> Span:
    """``make(...)``, or the no-op when it fails: a library that changed must not take its calls down."""
    try:
        return make(*args, **kwargs)
    except Exception as error:
        note(error)
        return NOOP


def safely(ours: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """``ours(...)``, or ``None`` when it fails."""
    try:
        return ours(*args, **kwargs)
    except Exception as error:
        note(error)
        return None


def never_raises(ours: Callable[P, R]) -> Callable[P, R | None]:
    """Decorator of a function that a library calls back: its errors end in it."""

    @functools.wraps(ours)
    def guarded_one(*args: P.args, **kwargs: P.kwargs) -> R | None:
        return safely(ours, *args, **kwargs)

    return guarded_one


def note(error: Exception) -> None:
    """Count ``error`` as a hook's and warn about it."""
    with contextlib.suppress(Exception):  # there is nobody left to tell
        tracer = tracing.active()
        tracer.counts.add("hook_errors")
        tracer.process.warner.warn("hook", f"a call goes untraced: {type(error).__name__}: {error}")
