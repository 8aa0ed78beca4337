"""Log records that say which trace they belong to.

The hook chains a LogRecord factory, so that every record of every handler has the
fields; :class:`TraceContextFilter` does the same for one handler. The fields are
always there, empty outside any trace, so that no format string fails.
"""

import functools
import logging
import threading
from typing import Any, Final

from hopline import tracer as tracing
from hopline.api import current_span
from hopline.hooks.guard import safely
from hopline.hooks.patch import Patches
from hopline.text import as_text

_NAMES: Final = frozenset({
    "trace_id", "span_id", "id", "service", "otelTraceID", "otelSpanID", "otelServiceName", "otelTraceSampled",
})  # fmt: skip

_patches = Patches()
_busy = threading.local()


def install() -> None:
    """Chain the LogRecord factory; further calls change nothing."""
    if not _patches.applied:
        _patches.wrap(logging.Logger, "makeRecord", _with_own_fields)
        logging.setLogRecordFactory(_Factory(logging.getLogRecordFactory()))


def uninstall() -> None:
    """Put the factory before ours back; one that was set over ours since keeps ours below it, inert."""
    _patches.undo()
    factory = logging.getLogRecordFactory()
    if isinstance(factory, _Factory):
        logging.setLogRecordFactory(factory.chained)


def fields() -> dict[str, str]:
    """What ties a log line to the current span; empty texts outside any trace.

    ``trace_id`` is 32 hex digits, ``span_id`` the path, ``id`` the row's 16 hex digits.
    """
    span = current_span()
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "id": span.id,
        "service": tracing.active().config.service,
    }


def add_fields(record: logging.LogRecord) -> None:
    """Set the fields on ``record``, under OpenTelemetry's names too, where it has none of that name."""
    found = dict.fromkeys(_NAMES, "")
    # Asking for the service may make the tracer, which may log about its settings, and our own errors are
    # warned about: those lines stay without.
    if not getattr(_busy, "on", False):
        _busy.on = True
        try:
            safely(_fill, found)
        finally:
            _busy.on = False
    for name, value in found.items():
        record.__dict__.setdefault(name, value)


def _fill(found: dict[str, str]) -> None:
    found.update(fields())
    found["otelTraceID"] = found["trace_id"] or "0"
    found["otelSpanID"] = found["id"] or "0"
    found["otelServiceName"] = found["service"]
    found["otelTraceSampled"] = str(current_span().recording)


class TraceContextFilter(logging.Filter):
    """``handler.addFilter(TraceContextFilter())`` adds the fields to the records of one handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields; let every record pass."""
        add_fields(record)
        return True


class _Factory:
    """Makes records with the factory that was there before, and adds the fields."""

    def __init__(self, chained: Any) -> None:
        self.chained = chained

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self.chained(*args, **kwargs)
        if _patches.applied:
            add_fields(record)
            safely(_annotate, record)
        return record


def _annotate(record: logging.LogRecord) -> None:
    """An exception that is logged inside a span becomes an annotation of it; it does not fail the span."""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is not None:
        current_span().annotate("exception", f"{type(error).__qualname__}: {as_text(error)}")


def _with_own_fields(original: Any) -> Any:
    """Let ``extra`` hold names of ours: logging refuses to overwrite what a factory has set."""

    @functools.wraps(original)
    def make_record(  # noqa: PLR0917 - the signature of Logger.makeRecord
        self: logging.Logger,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        extra: Any = None,
        sinfo: str | None = None,
    ) -> logging.LogRecord:
        own = {}
        if extra is not None and not _NAMES.isdisjoint(extra):
            own = {key: extra[key] for key in extra if key in _NAMES}
            extra = {key: extra[key] for key in extra if key not in _NAMES}
        record: logging.LogRecord = original(self, name, level, fn, lno, msg, args, exc_info, func, extra, sinfo)
        record.__dict__.update(own)
        return record

    return make_record
