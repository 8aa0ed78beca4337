"""``/metrics/red`` in OpenMetrics, with trace ids as exemplars."""

import threading
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, Exemplar, HistogramMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector as MetricSource
from prometheus_client.registry import CollectorRegistry

from hopline_query.red.totals import BOUNDS_US, Operation, Totals
from hopline_query.service import QueryService

MEDIA_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_SLOT_US: Final = 10_000_000
_LATE_US: Final = 5_000_000
"""How long rows of a slot are waited for."""

_MOST_US: Final = 3_600_000_000
"""Nobody looked for longer than this: what was before is not counted."""


class Red:
    """Counts up from `service` each time that somebody looks."""

    def __init__(self, service: QueryService) -> None:
        self._service = service
        self._totals = Totals()
        self._until = service.clock() // _SLOT_US * _SLOT_US
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self._registry.register(_Source(self._totals))

    def text(self) -> bytes:
        """The whole exposition. Raises QueryError."""
        with self._lock:
            self._count()
            return bytes(generate_latest(self._registry))  # type: ignore[no-untyped-call]

    def _count(self) -> None:
        end = (self._service.clock() - _LATE_US) // _SLOT_US * _SLOT_US
        begin = max(self._until, end - _MOST_US)
        if end <= begin:
            return
        window = {"from": str(begin), "to": str(end)}
        stats = self._service.stats({**window, "group": "operation", "histogram": "true", "limit": "5000"})
        edges = self._service.dependencies(window)
        examples = self._service.errors({**window, "limit": "1000"})
        self._totals.add_figures(stats)
        self._totals.add_edges(edges)
        self._totals.add_examples(examples)
        self._until = end


class _Source(MetricSource):
    """The totals as metric families."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def describe(self) -> Iterator[Metric]:
        """Nothing is asked of the store for a description."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Calls, errors and durations by operation; calls and errors by edge."""
        names = ["service", "operation"]
        calls = CounterMetricFamily("hopline_red_calls", "Entry calls.", labels=names)
        errors = CounterMetricFamily("hopline_red_errors", "Failing entry calls.", labels=names)
        took = HistogramMetricFamily("hopline_red_duration_seconds", "What entry calls took.", labels=names)
        for key, total in sorted(self._totals.operations.items()):
            calls.add_metric(key, total.calls)
            failed = Exemplar({"trace_id": total.failed_trace}, 1.0) if total.failed_trace and total.errors else None
            errors.add_metric(key, total.errors, exemplar=failed)
            took.add_metric(key, _buckets(total), total.seconds)
        yield from (calls, errors, took)
        pair = ["caller", "callee"]
        edge_calls = CounterMetricFamily("hopline_red_edge_calls", "Calls from one to another.", labels=pair)
        edge_errors = CounterMetricFamily("hopline_red_edge_errors", "Failing calls, as callers saw them.", labels=pair)
        for ends, (count, failing) in sorted(self._totals.edges.items()):
            edge_calls.add_metric(ends, count)
            edge_errors.add_metric(ends, failing)
        yield from (edge_calls, edge_errors)


def _buckets(total: Operation) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus has them."""
    found, so_far = [], 0.0
    for place, bound in enumerate(BOUNDS_US):
        so_far += total.buckets[place]
        found.append((str(bound / 1e6), so_far))
    return [*found, ("+Inf", so_far + total.buckets[len(BOUNDS_US)])]
