"""Which traces are new since the last look: each is told once, when it has had time to be whole."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

SETTLED_US: Final = 3_000_000
"""How long after its end a trace is told: what comes later than that is not waited for."""

WINDOW_US: Final = 120_000_000
"""How far back each look goes: traces that took longer, or came later, are not seen."""


class Following:
    """Traces that began at `begin_us` or later; times are the server's, microseconds since the epoch."""

    def __init__(self, begin_us: int) -> None:
        self._begin_us = begin_us
        self._told: dict[str, int] = {}

    def look_from(self, now_us: int) -> int:
        """Where the next look begins."""
        return max(self._begin_us, now_us - WINDOW_US)

    def news(self, traces: Sequence[Mapping[str, Any]], now_us: int) -> list[Mapping[str, Any]]:
        """Those of a look that are to be told now, oldest first."""
        begin = self.look_from(now_us)
        self._told = {trace: start for trace, start in self._told.items() if start >= begin}
        found = [t for t in traces if t["trace_id"] not in self._told and _end(t) + SETTLED_US <= now_us]
        self._told |= {trace["trace_id"]: trace["start_us"] for trace in found}
        return sorted(found, key=lambda trace: int(trace["start_us"]))


def _end(trace: Mapping[str, Any]) -> int:
    return int(trace["start_us"]) + int(trace["duration_us"] or 0)
