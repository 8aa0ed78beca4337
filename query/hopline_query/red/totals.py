"""Counters by operation and by edge: each slot of the figures is added once, when it is full."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

BOUNDS_US: Final = (
    *(5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000),
    *(1_000_000, 2_500_000, 5_000_000, 10_000_000),
)
"""Upper bounds of the histogram's buckets."""

MOST_OPERATIONS: Final = 500
MOST_EDGES: Final = 1_000
"""Series are bounded: what comes beyond these is counted as ``other``."""

OTHER: Final = "other"

Answer = Mapping[str, Any]


@dataclass(slots=True)
class Operation:
    """Totals of one operation."""

    calls: float = 0.0
    errors: float = 0.0
    seconds: float = 0.0
    buckets: Counter[int] = field(default_factory=Counter)
    """Calls by the place of their bucket in `BOUNDS_US`; beyond the last: its length."""
    failed_trace: str = ""
    """A trace that failed lately: an exemplar."""


@dataclass(slots=True)
class Totals:
    """Everything counted since the process began."""

    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)
    edges: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """Caller and callee -> calls and errors."""

    def add_figures(self, stats: Answer) -> None:
        """Add an answer of figures by operation with histograms."""
        for entry in stats["services"]:
            total = self._operation(entry["service"], entry["operation"] or "")
            total.calls += entry["calls"]
            total.errors += entry["errors"]
            total.seconds += (entry["avg_us"] or 0.0) * entry["calls"] / 1e6
            for _, upper_us, calls in entry.get("histogram") or ():
                place = next((i for i, bound in enumerate(BOUNDS_US) if upper_us - 1 <= bound), len(BOUNDS_US))
                total.buckets[place] += calls

    def add_edges(self, answer: Answer) -> None:
        """Add an answer of the dependency map."""
        for edge in answer["edges"]:
            pair = (edge["caller"], edge["callee"])
            if pair not in self.edges and len(self.edges) >= MOST_EDGES:
                pair = (OTHER, OTHER)
            total = self.edges.setdefault(pair, [0.0, 0.0])
            total[0] += edge["calls"]
            total[1] += edge["errors"]

    def add_examples(self, answer: Answer) -> None:
        """Take the newest failing traces of an answer of error groups as exemplars."""
        for group in answer["groups"]:
            key = (group["service"], group["operation"] or "")
            if key in self.operations and group["newest_trace_id"]:
                self.operations[key].failed_trace = group["newest_trace_id"]

    def _operation(self, service: str, name: str) -> Operation:
        key = (service, name)
        if key not in self.operations and len(self.operations) >= MOST_OPERATIONS:
            key = (OTHER, OTHER)
        return self.operations.setdefault(key, Operation())
