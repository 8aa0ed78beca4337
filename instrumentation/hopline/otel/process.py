"""Which process a provider's spans belong to: our settings, and the resource where they are silent."""

import os
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_tracer_provider

from hopline import tracer as tracing
from hopline.config import PREFIX
from hopline.tracer import Tracer

_FACTS: Final = {
    "service": ("service.name",),
    "version": ("service.version",),
    "instance": ("service.instance.id",),
    "zone": ("cloud.availability_zone",),
    "env": ("deployment.environment.name", "deployment.environment"),
}
_UNKNOWN: Final = "unknown_service"
"""What the SDK calls a service that nobody named."""


def tracer_for(resource: Resource) -> Tracer:
    """The tracer of this process; when none was configured, one with the facts of ``resource``.

    ``HOPLINE_*`` wins over the resource.
    """
    if tracing._active is None:  # noqa: SLF001 - active() would make one without asking the resource
        return tracing.configure(**facts(resource))
    return tracing.active()


def admit(tracer: Tracer) -> None:
    """Make room for rows, and see that at exit the provider's last spans come before our sender stops."""
    reporter = tracer.reporter
    reporter.admit()
    if not reporter.before_close:
        reporter.before_close.append(_flush_provider)


def _flush_provider(timeout: float) -> None:
    """Our exit function runs before OpenTelemetry's, whose batch processor still holds spans."""
    provider = get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(int(timeout * 1000))


def facts(resource: Resource) -> dict[str, object]:
    """Settings that the resource knows and ``HOPLINE_*`` leaves open."""
    found: dict[str, object] = {}
    for setting, names in _FACTS.items():
        value = next((str(resource.attributes[name]) for name in names if resource.attributes.get(name)), "")
        if value and not value.startswith(_UNKNOWN) and not os.environ.get(PREFIX + setting.upper()):
            found[setting] = value
    return found
