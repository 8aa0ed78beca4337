"""The path sampler: gives every sampled OpenTelemetry span a hierarchical id.

A sampler is the one plug point that sees the parent and may write the trace state,
which travels; an id generator gets no parent, a span processor cannot change the
context. It wraps any other sampler, which decides.
"""

import os
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState, get_current_span, get_tracer_provider
from opentelemetry.util.types import Attributes

from hopline import tracer as tracing
from hopline.context import current
from hopline.noop import NOOP
from hopline.otel import rows
from hopline.otel.process import tracer_for
from hopline.otel.processor import PathProcessor
from hopline.otel.stand_in import covered
from hopline.otel.state import PathState, others, without_hop
from hopline.spans import Span
from hopline.tracer import Tracer
from hopline.vocabulary import WEIGHT_MAX, WEIGHT_ONE

_RATE: Final = "OTEL_TRACES_SAMPLER_ARG"


class SettingsSampler(Sampler):
    """Decides by our settings: ``HOPLINE_SAMPLE``, ``_SAMPLE_TARGET``, ``_SAMPLE_OPERATIONS``.

    Traces that come in keep their sender's decision, unless ``HOPLINE_FOLLOW_INBOUND`` is off.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer

    def should_sample(  # noqa: PLR0917 - OpenTelemetry's interface
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,  # noqa: ARG002 - part of the interface
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002 - as above
        trace_state: TraceState | None = None,  # noqa: ARG002 - as above
    ) -> SamplingResult:
        """Keep or drop; a trace kept by our own decision carries its weight in the result."""
        tracer = self._tracer or tracing.active()
        parent = get_current_span(parent_context).get_span_context()
        state = parent.trace_state
        if parent.is_valid and tracer.config.follow_inbound:
            if parent.trace_flags.sampled:
                return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, state)
            return SamplingResult(Decision.DROP, None, state)
        weight = tracer.sampler.weight(trace_id, name) if tracer.enabled else 0
        return Weighed(weight, attributes, state) if weight else SamplingResult(Decision.DROP, None, state)

    def get_description(self) -> str:
        """Name of the sampler."""
        return "HoplineSettings"


class Weighed(SamplingResult):
    """A trace kept, and how many it stands for, in thousandths."""

    def __init__(self, weight: int, attributes: Attributes, trace_state: TraceState | None) -> None:
        super().__init__(Decision.RECORD_AND_SAMPLE, attributes, trace_state)
        self.weight = weight


class PathSampler(Sampler):
    """Wraps ``decides`` (default: our settings at the root, the parent's decision below it).

    It must be the provider's outermost sampler, and needs a :class:`PathProcessor`; it adds
    one itself to the global provider. ``tracer`` is the process to ship for, by default
    the one that ``hopline.configure`` made.
    """

    def __init__(self, decides: Sampler | None = None, tracer: Tracer | None = None) -> None:
        if decides is None:
            ours = SettingsSampler(tracer)
            decides = ParentBased(ours, remote_parent_sampled=ours, remote_parent_not_sampled=ours)
        self._decides = decides
        self._tracer = tracer
        self._joined = False
        self._weight = _weight_of_rate(self._decides)

    def should_sample(  # noqa: PLR0917 - OpenTelemetry's interface
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The wrapped sampler's decision; a sampled span gets its path as attribute and trace state."""
        if current.get() is NOOP:
            return SamplingResult(Decision.DROP)  # our own sender at work
        if not self._joined:
            self._join()
        result = self._decides.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        tracer = self._tracer or tracing.active()
        if result.decision is not Decision.RECORD_AND_SAMPLE or not tracer.enabled:
            result.trace_state = without_hop(result.trace_state)
            return result
        try:
            parent = get_current_span(parent_context).get_span_context()
            kind = kind or SpanKind.INTERNAL
            ours = covered(parent, kind, result.attributes or {})
            if ours is not None:
                return SamplingResult(result.decision, result.attributes, PathState(ours, shared=True))
            span = self._row(tracer, parent, trace_id, name, rows.KINDS[kind], result)
        except Exception:
            tracer.counts.add("sampler_errors")
            return result
        found = {**(result.attributes or {}), rows.PATH_ATTRIBUTE: span.span_id}
        return SamplingResult(result.decision, found, PathState(span))

    def _row(  # noqa: PLR0917 - the sampler's arguments, passed on
        self, tracer: Tracer, parent: SpanContext, trace_id: int, name: str, kind: str, result: SamplingResult
    ) -> Span:
        if parent.is_valid:
            span = rows.below(parent, tracer, name, kind, result.attributes or {})
        else:
            span = rows.root(tracer, trace_id, name, kind, self._weight)
        if isinstance(result, Weighed):
            span.entry.weight = result.weight
        state = result.trace_state
        if span.parent is None and state is not None:
            span.entry.tracestate = others(state)  # the wrapped sampler may have added a member of its own
        return span

    def _join(self) -> None:
        """Pair with a processor on the global provider, once that is the one we sample for."""
        provider = get_tracer_provider()
        if isinstance(provider, TracerProvider) and provider.sampler is self:
            self._joined = True
            if self._tracer is None:
                tracer_for(provider.resource)
            provider.add_span_processor(PathProcessor())

    def get_description(self) -> str:
        """Name of the sampler with that of the wrapped one."""
        return f"HoplinePath{{{self._decides.get_description()}}}"


def _weight_of_rate(sampler: Sampler) -> int:
    """Weight of the traces that a ratio sampler keeps, alone or at the root of a parent-based one."""
    rate = getattr(sampler, "rate", None) or getattr(getattr(sampler, "_root", None), "rate", None)
    return min(WEIGHT_MAX, round(WEIGHT_ONE / rate)) if rate else WEIGHT_ONE


def _rate(argument: str | float | None) -> float:
    """``OTEL_TRACES_SAMPLER_ARG`` as a rate from 0 to 1.

    Raises:
        ValueError: it is none; OpenTelemetry then says so and uses its default sampler.

    """
    return float(argument if argument not in {None, ""} else os.environ.get(_RATE) or 1.0)


def always_on(_argument: str | float | None = None) -> PathSampler:
    """``OTEL_TRACES_SAMPLER=hopline_always_on``."""
    return PathSampler(ALWAYS_ON)


def trace_id_ratio(argument: str | float | None = None) -> PathSampler:
    """``OTEL_TRACES_SAMPLER=hopline_traceidratio``, rate in ``OTEL_TRACES_SAMPLER_ARG``."""
    return PathSampler(TraceIdRatioBased(_rate(argument)))


def parent_based(_argument: str | float | None = None) -> PathSampler:
    """``OTEL_TRACES_SAMPLER=hopline_parentbased``: new traces by our settings."""
    return PathSampler()


def parent_based_always_on(_argument: str | float | None = None) -> PathSampler:
    """``OTEL_TRACES_SAMPLER=hopline_parentbased_always_on``."""
    return PathSampler(ParentBased(ALWAYS_ON))


def parent_based_trace_id_ratio(argument: str | float | None = None) -> PathSampler:
    """``OTEL_TRACES_SAMPLER=hopline_parentbased_traceidratio``, rate in ``OTEL_TRACES_SAMPLER_ARG``."""
    return PathSampler(ParentBased(TraceIdRatioBased(_rate(argument))))
