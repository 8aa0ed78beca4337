"""A server that forks after tracing has begun, as gunicorn does with ``--preload``."""

import os
import warnings

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import hopline
from hopline.otel import HoplineSpanExporter, PathSampler

provider = TracerProvider(sampler=PathSampler(), resource=Resource({"service.name": "shop"}))
trace.set_tracer_provider(provider)
provider.add_span_processor(BatchSpanProcessor(HoplineSpanExporter()))
tracer = trace.get_tracer("shop")


def work(name: str) -> None:
    with tracer.start_as_current_span(name), tracer.start_as_current_span(f"{name}.child"):
        pass


work("parent")
provider.force_flush()
hopline.flush(60)
# Python 3.12 and later warn of what this does, and servers do all the same.
warnings.filterwarnings("ignore", r"This process \(pid=\d+\) is multi-threaded", DeprecationWarning)
children = []
for number in range(3):
    pid = os.fork()
    if not pid:
        work(f"worker{number}")
        provider.shutdown()
        os._exit(0 if hopline.flush(60) else 1)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
