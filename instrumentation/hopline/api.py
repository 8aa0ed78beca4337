"""The functions of the public API that act on the current span or the one tracer."""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from hopline import tracer as tracing
from hopline.context import Detached, current
from hopline.noop import NOOP
from hopline.propagation import outbound
from hopline.propagation.inbound import Headers, Remote
from hopline.propagation.inbound import extract as extract_headers
from hopline.spans import Span
from hopline.text import as_text

if TYPE_CHECKING:
    from typing import Unpack

    from hopline.setting_types import Settings


def configure(**settings: "Unpack[Settings]") -> None:
    """Set up tracing for this process; what is not given comes from ``HOPLINE_*`` or the default.

    ``endpoint`` is ``kafka://host:port[,host:port]``, ``http://host:port``, ``memory:`` or
    ``none:``; ``sample`` the share of traces kept; ``clock`` nanoseconds since the epoch. All
    names are those of :class:`hopline.config.Config`. Never raises: a value that cannot be
    used is warned about and its default holds.
    """
    tracing.configure(**settings)


def current_span() -> Span:
    """The span the running code belongs to; outside any, a span that takes everything and keeps nothing."""
    return current.get() or NOOP


def detached() -> Detached:
    """``with hopline.detached():`` nothing below belongs to the current span; what begins there begins a trace."""
    return Detached()


def annotate(key: str, value: Any = "") -> None:
    """Add a note with the present time to the current span."""
    current_span().annotate(key, value)


def tag(key: str, value: Any) -> None:
    """Set a searchable tag on the current span."""
    current_span().tag(key, value)


def set_uid(uid: Any) -> None:
    """Name the user on the current row, on the entry row and on every later call."""
    current_span().set_uid(uid)


def put(key: str, value: Any) -> None:
    """Let every later hop of this trace see ``key``."""
    span = current.get()
    if span is not None and span is not NOOP:
        span.entry.put(as_text(key), as_text(value))


def put_once(key: str, value: Any) -> None:
    """Let only the direct callees of this process's part of the trace see ``key``."""
    span = current.get()
    if span is not None and span is not NOOP:
        span.entry.put_once(as_text(key), as_text(value))


def get(key: str, default: str | None = None) -> str | None:
    """What an earlier hop, or this one, put under ``key``."""
    span = current.get()
    value = span.entry.get(key) if span is not None and span is not NOOP else None
    return default if value is None else value


def inject(headers: MutableMapping[str, str], host: str | None = None) -> MutableMapping[str, str]:
    """Write the trace headers for a callee of the current span into ``headers``, and return them.

    Outside any trace nothing is written. ``host`` decides whether baggage may go along; ``None`` may.
    """
    span = current.get()
    if span is not None and span is not NOOP:
        headers.update(outbound.headers(span, host))
    return headers


def extract(headers: Headers) -> Remote | None:
    """The context that ``headers`` carry, or ``None``; never raises on their content."""
    tracer = tracing.active()
    remote = extract_headers(headers, tracer.config.baggage_bytes, tracer.counts.add)[0]
    return remote if remote is not None and remote.trace_id else None


def flush(timeout: float = 5.0) -> bool:
    """Send what has ended; wait up to ``timeout`` seconds. Whether all of it was taken."""
    return tracing.active().reporter.flush(timeout)


def shutdown(timeout: float = 5.0) -> None:
    """Send the rest for up to ``timeout`` seconds and stop, until ``configure`` is called again."""
    tracer = tracing.active()
    tracer.enabled = False
    tracer.reporter.close(timeout)


def counters() -> dict[str, Any]:
    """``recorded``, ``sent``, ``dropped`` by reason, ``depth``, and rarer ``events``."""
    return tracing.active().reporter.counters()


def disable() -> None:
    """Stop tracing at once: no new traces, no headers. Traces already begun in this process run to their end."""
    tracing.active().enabled = False


def enable() -> None:
    """Trace again after :func:`disable`."""
    tracing.active().enabled = True
