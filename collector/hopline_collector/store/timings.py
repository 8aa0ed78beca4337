"""How long the statements of this process take in the store, and why they fail."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

from prometheus_client import Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector as MetricSource

from hopline_collector.store.errors import (
    SchemaNewerError,
    StoreAwayError,
    StoreBusyError,
    StoreError,
    StoreHeldError,
    StoreRefusedError,
)

Statement = Literal["insert", "query"]

_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_REASONS: Final = {
    StoreAwayError: "away",
    StoreBusyError: "busy",
    StoreHeldError: "held",
    StoreRefusedError: "refused",
    SchemaNewerError: "newer",
}
"""Everything else is "other"."""


class Timings(MetricSource):
    """Two histograms and a counter of failures. Thread-safe."""

    def __init__(self) -> None:
        self._insert = Histogram(
            "hopline_store_insert_seconds", "What an insert took.", buckets=_SECONDS, registry=None
        )
        self._query = Histogram("hopline_store_query_seconds", "What a query took.", buckets=_SECONDS, registry=None)
        self._failures = Counter(
            "hopline_store_failures", "Statements that failed, by reason.", ["statement", "reason"], registry=None
        )
        for reason in ("away", "busy"):
            for statement in ("insert", "query"):
                self._failures.labels(statement, reason)

    @contextmanager
    def timed(self, statement: Statement) -> Iterator[None]:
        """Count what runs inside, and what it raises."""
        histogram = self._insert if statement == "insert" else self._query
        begin = time.perf_counter()
        try:
            yield
        except StoreError as error:
            self._failures.labels(statement, _REASONS.get(type(error), "other")).inc()
            raise
        finally:
            histogram.observe(time.perf_counter() - begin)

    def describe(self) -> Iterable[Metric]:
        """As they are: they ask nobody."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """All three."""
        for source in (self._insert, self._query, self._failures):
            yield from source.collect()
