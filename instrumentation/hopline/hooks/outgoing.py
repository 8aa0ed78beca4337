"""Beginning an outgoing call and its headers, for hooks of any protocol."""

from collections.abc import Callable
from typing import ParamSpec

from hopline import tracer as tracing
from hopline.context import current
from hopline.noop import NOOP
from hopline.propagation import outbound
from hopline.spans import Span

P = ParamSpec("P")


def guarded(make: Callable[P, Span], *args: P.args, **kwargs: P.kwargs) -> Span:
    """``make(...)``, or the no-op when it fails: a library that changed must not take its calls down."""
    try:
        return make(*args, **kwargs)
    except Exception as error:
        _note(error)
        return NOOP


def _note(error: Exception) -> None:
    tracer = tracing.active()
    tracer.counts.add("hook_errors")
    tracer.reporter.warner.warn(f"a call goes untraced: {type(error).__name__}: {error}")


def headers(span: Span, host: str | None = None) -> list[tuple[str, str]]:
    """Headers that the call of ``span`` carries; empty outside any trace.

    The no-op stands for a call inside another call, which carries that call's
    headers, or for a call of an unsampled trace, which carries its ids. Baggage
    goes only to a trusted ``host``.
    """
    carrier = current.get() if span is NOOP else span
    if carrier is None or carrier is NOOP:
        return []
    try:
        return outbound.headers(carrier, host)
    except Exception as error:
        _note(error)
        return []
