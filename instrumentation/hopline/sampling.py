"""Sampling at the root: decided once, sent on with the trace.

The decision compares the last 56 bits of the trace id, which are random, with a
threshold, as OpenTelemetry's consistent probability sampling does
(https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
"""

import re
import threading
from collections.abc import Callable
from time import perf_counter_ns
from typing import Final, Protocol

from hopline.config import Config
from hopline.vocabulary import WEIGHT_MAX, WEIGHT_ONE

_BITS: Final = 56
_SPACE: Final = 1 << _BITS
_MASK: Final = _SPACE - 1
MIN_RATE: Final = WEIGHT_ONE / WEIGHT_MAX
"""The lowest rate above zero whose weight the model can express."""


class Sampler(Protocol):
    """Decides about a new trace."""

    def weight(self, trace_id: int, name: str) -> int:
        """Weight of the trace in thousandths, or 0 to drop it. ``name`` is its root's."""


class RateSampler:
    """Keeps the share ``rate`` of all traces, 0 to 1."""

    __slots__ = ("_threshold", "_weight")

    def __init__(self, rate: float) -> None:
        self._threshold = _SPACE - round(rate * _SPACE)
        self._weight = min(WEIGHT_MAX, round(WEIGHT_ONE / rate)) if rate else 0

    def weight(self, trace_id: int, name: str) -> int:  # noqa: ARG002 - the name does not matter to this one
        """Weight in thousandths, or 0."""
        return self._weight if trace_id & _MASK >= self._threshold else 0


class OperationSampler:
    """Rates of single operations, another sampler for the rest."""

    __slots__ = ("_others", "_rates", "_templates")

    def __init__(self, rates: dict[str, float], others: Sampler) -> None:
        self._rates = {name: RateSampler(rate) for name, rate in rates.items()}
        self._others = others
        templates = sorted((name for name in rates if "{" in name), key=lambda name: name.count("{"))
        self._templates = [(_matcher(name), name) for name in templates]

    def operation_of(self, method: str, path: str) -> str:
        """The rule for a request whose route is not known yet, by its path; empty without one.

        A rule without parameters is meant before one with some, and fewer before more.
        """
        plain = f"{method} {path}"
        if plain in self._rates:
            return plain
        return next((name for matches, name in self._templates if matches(plain)), "")

    def weight(self, trace_id: int, name: str) -> int:
        """Weight in thousandths, or 0."""
        return self._rates.get(name, self._others).weight(trace_id, name)


def _matcher(template: str) -> Callable[[str], object]:
    """``GET /orders/{number}/files/{name:path}``: a parameter is a part of the path, or, of kind ``path``, its rest."""
    parts = re.split(r"(\{[^{}]*\})", template)
    pattern = "".join(
        re.escape(part) if not part.startswith("{") else ".+" if part.endswith(":path}") else "[^/]+" for part in parts
    )
    return re.compile(pattern).fullmatch


class TargetSampler:
    """Keeps about ``target`` traces a second: a rate, adjusted each second to the traffic.

    Within a second the rate is constant, so that each weight is exact for the
    decision it was made by. The first second keeps everything up to ``target``'s
    rate of the last known traffic; ``clock`` gives nanoseconds and only differences count.
    """

    __slots__ = ("_clock", "_current", "_lock", "_seen", "_since", "_target")

    def __init__(self, target: float, clock: Callable[[], int]) -> None:
        self._target = target
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = 0
        self._since = clock()
        self._current = RateSampler(1.0)

    def weight(self, trace_id: int, name: str) -> int:
        """Weight in thousandths, or 0."""
        with self._lock:
            elapsed = self._clock() - self._since
            if elapsed >= 1_000_000_000:
                per_second = self._seen * 1e9 / elapsed
                rate = min(1.0, self._target / per_second) if per_second else 1.0
                self._current = RateSampler(max(MIN_RATE, rate))
                self._seen = 0
                self._since += elapsed
            self._seen += 1
        return self._current.weight(trace_id, name)


def sampler_of(config: Config) -> Sampler:
    """The sampler that the settings name."""
    base: Sampler = RateSampler(config.sample)
    if config.sample_target > 0:
        base = TargetSampler(config.sample_target, config.clock or perf_counter_ns)
    rates: dict[str, float] = {}
    for rule in config.sample_operations:
        name, _, rate = rule.rpartition("=")
        rates[name] = float(rate)
    return OperationSampler(rates, base) if rates else base
