"""Ids of OpenTelemetry spans made as ours are: a trace id tells its time."""

from time import time_ns

from opentelemetry.sdk.trace.id_generator import IdGenerator

from hopline.ids import new_trace_id, random_bits


class TimedIdGenerator(IdGenerator):
    """``OTEL_PYTHON_ID_GENERATOR=hopline``: trace ids begin with their Unix seconds, the rest is random."""

    def generate_trace_id(self) -> int:
        """New 128-bit trace id."""
        return new_trace_id(time_ns() // 1_000_000_000)

    def generate_span_id(self) -> int:
        """New 64-bit span id, never zero."""
        return random_bits(64) or 1

    def is_trace_id_random(self) -> bool:
        """The rightmost 56 bits are random, which is what the W3C flag says."""
        return True
