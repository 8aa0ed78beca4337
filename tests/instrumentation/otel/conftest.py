"""An OpenTelemetry provider with the bridge, beside a recorder."""

from collections.abc import Callable, Iterator

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import Tracer

from hopline.otel import HoplineSpanExporter, PathProcessor, PathSampler
from hopline.testing import Recorder


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder(service="orders", instance="h1:1", zone="z1") as made:
        yield made


@pytest.fixture
def provide(recorder: Recorder) -> Callable[..., Tracer]:
    """``provide(sampler)``: a tracer whose spans the recorder gets."""

    def make(sampler: Sampler | None = None, *, paths: bool = True) -> Tracer:
        chosen = PathSampler(sampler) if paths else sampler
        provider = TracerProvider(sampler=chosen, resource=Resource({}), shutdown_on_exit=False)
        if paths:
            provider.add_span_processor(PathProcessor())
        provider.add_span_processor(SimpleSpanProcessor(HoplineSpanExporter()))
        return provider.get_tracer("test.scope")

    return make


@pytest.fixture
def tracer(provide: Callable[..., Tracer]) -> Tracer:
    return provide()
