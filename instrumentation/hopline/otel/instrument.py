"""What ``opentelemetry-instrument`` sets up for us where our sampler is in use."""

import os
from typing import Final

import opentelemetry.context
from opentelemetry import trace
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.environment_variables import OTEL_PYTHON_CONTEXT
from opentelemetry.instrumentation.propagators import get_global_response_propagator, set_global_response_propagator
from opentelemetry.sdk.trace import TracerProvider

from hopline.hooks.server import SERVICE_HEADER
from hopline.otel.response import ResponsePropagator
from hopline.otel.sampler import PathSampler
from hopline.otel_context import SharedContext

_KEPT_HEADERS: Final = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE"


def install() -> None:
    """With our sampler: one current span with our hooks, our headers in answers, and their names in calls.

    What others have set stays.
    """
    provider = trace.get_tracer_provider()
    if not (isinstance(provider, TracerProvider) and isinstance(provider.sampler, PathSampler)):
        return
    _share_context()
    _ask_for_names()
    if get_global_response_propagator() is None:
        set_global_response_propagator(ResponsePropagator())


def _share_context() -> None:
    """Do what ``OTEL_PYTHON_CONTEXT=hopline`` does, unless that names another; OpenTelemetry reads it too early."""
    module = opentelemetry.context
    if not os.environ.get(OTEL_PYTHON_CONTEXT) and type(module._RUNTIME_CONTEXT) is ContextVarsRuntimeContext:  # noqa: SLF001
        module._RUNTIME_CONTEXT = SharedContext()  # noqa: SLF001


def _ask_for_names() -> None:
    """Let the HTTP clients that are about to be instrumented keep the name by which a server answers."""
    kept = os.environ.get(_KEPT_HEADERS, "")
    if SERVICE_HEADER not in kept.lower():
        os.environ[_KEPT_HEADERS] = f"{kept},{SERVICE_HEADER}" if kept else SERVICE_HEADER
