"""Rows kept in memory, for tests of instrumented code."""

from collections import defaultdict
from types import TracebackType
from typing import Any, Self

from hopline import config as settings
from hopline import tracer as tracing
from hopline.counts import Counts
from hopline.model import Row, path_key
from hopline.report import Reporter
from hopline.transports.memory import MemoryTransport

_FLUSH_S = 10.0


class Recorder:
    """Records every row of this process from its making to :meth:`close` (or in a ``with`` block).

    Takes the settings of ``hopline.configure``; the environment does not count, and
    nothing leaves the process.
    """

    def __init__(self, service: str = "test", **overrides: object) -> None:
        config, problems = settings.load({"service": service, "endpoint": "memory:", **overrides}, {})
        if problems:
            raise ValueError("; ".join(problems))
        counts = Counts()
        self._transport = MemoryTransport(counts)
        self._tracer = tracing.Tracer(config, Reporter(config, self._transport, counts))
        self._before = tracing.activate(self._tracer)

    @property
    def spans(self) -> list[Row]:
        """All rows that have ended, in the order in which they began."""
        self._tracer.reporter.flush(_FLUSH_S)
        rows = [row for row in self._transport.rows if row.duration_us is not None]
        return sorted(rows, key=lambda row: (row.start_us, path_key(row.span_id)))

    def one(self, **fields: Any) -> Row:
        """The only row whose fields have these values.

        Raises:
            AssertionError: there is none, or more than one.

        """
        found = [row for row in self.spans if all(getattr(row, key) == value for key, value in fields.items())]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} rows with {fields}, not one:\n{self.tree()}")
        return found[0]

    def tree(self) -> str:
        """Outline of all traces: a line per row, indented by depth, ``span_id kind service name``."""
        traces: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.spans:
            traces[row.trace_id].append(row)
        return "\n".join(
            f"{'  ' * row.span_id.count('.')}{row.span_id} {row.kind} {row.service} {row.name}"
            f"{' ERROR ' + row.error_type if row.error else ''}"
            for rows in traces.values()
            for row in sorted(rows, key=lambda row: (path_key(row.span_id), row.start_us))
        )

    def counters(self) -> dict[str, Any]:
        """As :func:`hopline.counters`, of this recorder."""
        return self._tracer.reporter.counters()

    def clear(self) -> None:
        """Forget the rows so far."""
        self._tracer.reporter.flush(_FLUSH_S)
        self._transport.rows.clear()

    def close(self) -> None:
        """Stop recording; what was configured before holds again."""
        self._tracer.reporter.close(_FLUSH_S)
        tracing.activate(self._before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
