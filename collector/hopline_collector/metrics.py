"""Counters of a collector, in Prometheus' terms.

The live counters (``hopline_rows_*``) start at zero with the process. The accounting
identity is shown over ledger sums (``hopline_ledger_rows``), which survive it::

    received = stored + dead + sampled_out + duplicate + rejected

Never a label per service or trace.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as MetricSource

from hopline_collector.handover.ages import Age
from hopline_collector.handover.ledger import LedgerEntry

ACCOUNTS: Final = ("received", "stored", "dead", "sampled_out", "duplicate", "rejected")

DATA_AGE: Final = "How far the stored data is behind: what a collector has not handed over, else the newest row's age."


class Metrics:
    """All counters of one collector, in a registry of its own or a shared one."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._rows = Counter("hopline_rows", "Rows by what became of them.", ["account"], registry=self.registry)
        self._rejected = Counter("hopline_rejected_rows", "Rows rejected.", ["reason"], registry=self.registry)
        self._cut = Counter("hopline_cut", "Values cut or mended, by reason.", ["reason"], registry=self.registry)
        self._messages = Counter("hopline_messages", "Messages handed over.", ["source"], registry=self.registry)
        self._bytes = Counter("hopline_message_bytes", "Bytes handed over.", ["source"], registry=self.registry)
        self._gaps = Counter("hopline_gaps", "Ranges that expired unread.", registry=self.registry)
        self._requests = Counter(
            "hopline_http_requests", "Posts of spans.", ["format", "status"], registry=self.registry
        )
        self._flaws = Gauge("hopline_ledger_flaws", "Flaws of the ledger, by kind.", ["kind"], registry=self.registry)
        self._block_rows = Histogram(
            "hopline_block_rows",
            "Rows per block.",
            buckets=(1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000),
            registry=self.registry,
        )

    def observe(self, entry: LedgerEntry) -> None:
        """Count one block that was handed over."""
        counts = entry.counts
        if entry.gap:
            self._gaps.inc()
        for account in ACCOUNTS[:-1]:
            self._rows.labels(account).inc(getattr(counts, account))
        self._rows.labels("rejected").inc(counts.rejected.total())
        for reason, number in counts.rejected.items():
            self._rejected.labels(reason).inc(number)
        for reason, number in counts.cut.items():
            self._cut.labels(reason).inc(number)
        self._messages.labels(entry.source).inc(counts.messages)
        self._bytes.labels(entry.source).inc(counts.bytes)
        self._block_rows.observe(counts.stored)

    def flaws(self, kinds: Mapping[str, int]) -> None:
        """Show how many flaws of each kind the ledger has."""
        for kind, number in kinds.items():
            self._flaws.labels(kind).set(number)

    def request(self, form: str, status: int) -> None:
        """Count one answered post."""
        self._requests.labels(form, str(status)).inc()


class Gauges(MetricSource):
    """Values that are asked for when somebody looks."""

    def __init__(
        self,
        lag: Callable[[], Mapping[tuple[str, str, int], int]],
        ledger: Callable[[], Mapping[str, int]],
        detached: Callable[[], int | None],
        ages: Callable[[], Iterable[tuple[str, Age]]] = tuple,
        *,
        behind_us: Callable[[], int | None] = lambda: None,
        journal_bytes: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        self._lag = lag
        self._ledger = ledger
        self._detached = detached
        self._ages = ages
        self._behind_us = behind_us
        self._journal_bytes = journal_bytes

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked of the store for a description."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Lag by partition, what waits, parts set aside, and ledger sums by account with the identity."""
        lag = GaugeMetricFamily(
            "hopline_lag_messages", "Messages not handed over yet.", labels=["source", "topic", "partition"]
        )
        for (source, topic, partition), behind in self._lag().items():
            lag.add_metric([source, topic, str(partition)], behind)
        yield lag
        yield self._steps()
        yield from self._waiting()
        detached = self._detached()
        if detached is not None:
            yield GaugeMetricFamily(
                "hopline_detached_parts", "Parts that the store set aside as broken: their rows are missing.", detached
            )
        sums = self._ledger()
        if not sums:
            return
        rows = GaugeMetricFamily("hopline_ledger_rows", "Ledger sums by account.", labels=["account"])
        for account, number in sums.items():
            rows.add_metric([account], number)
        yield rows
        difference = sums["received"] - sum(sums[account] for account in ACCOUNTS[1:])
        yield GaugeMetricFamily(
            "hopline_ledger_imbalance", "Received minus everything accounted for: 0.", value=difference
        )

    def _waiting(self) -> Iterator[Metric]:
        """Nothing while nothing is read; the journal's part only where there is one."""
        behind = self._behind_us()
        if behind is not None:
            yield GaugeMetricFamily("hopline_data_age_seconds", DATA_AGE, behind / 1e6)
        if self._journal_bytes is not None:
            waiting, most = self._journal_bytes()
            yield GaugeMetricFamily("hopline_journal_bytes", "Bytes in the journal, not handed over yet.", waiting)
            yield GaugeMetricFamily("hopline_journal_limit_bytes", "Bytes that the journal may hold.", most)

    def _steps(self) -> Metric:
        family = GaugeMetricFamily(
            "hopline_handover_step_age_seconds",
            "Seconds since a step of a partition was done; of plan, insert and commit 0 while nothing waits for them.",
            labels=["source", "partition", "step"],
        )
        for source, age in self._ages():
            family.add_metric([source, f"{age.topic}/{age.partition}", age.step], age.seconds)
        return family
