"""An OTLP resource: facts of a process in our model, and what of it goes to each row."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hopline_collector.formats.decoded import FOREIGN_FACT
from hopline_collector.formats.typed import native, types_of

RESOURCE: Final = "otel.resource"
"""Attr that says which of a row's fields, tags and attrs were its resource's attributes, as a JSON object:
``keys`` in their order, ``types`` of those that are no strings, ``values`` of those that the row does not hold."""


class Process:
    """Process facts of our model from the attributes of a resource, and what of it goes to each row."""

    __slots__ = ("_found", "_told", "attrs", "facts", "tags")

    def __init__(self, found: Mapping[str, str], *, dropped: int = 0, schema_url: str = "") -> None:
        self._found = dict(found)
        types = types_of(found := dict(found))
        host = _named(found, "host.name", "host.id")
        pid = found.get("process.pid", "")
        instance = _named(found, "service.instance.id", "k8s.pod.name", "container.id")
        if not instance and host:
            instance = f"{host}:{pid}" if pid else host
        self.facts: dict[str, str] = {
            "service": found.get("service.name", ""),
            "instance": instance,
            "host": host,
            "zone": _named(found, "cloud.availability_zone", "cloud.region"),
            "env": _named(found, "deployment.environment.name", "deployment.environment"),
            "version": found.get("service.version", ""),
            "library": " ".join(
                filter(None, (found.get(f"telemetry.sdk.{part}") for part in ("name", "language", "version")))
            ),
            FOREIGN_FACT: "1",
        }
        rest = {key: value for key, value in found.items() if key not in FACTS}
        self.tags = {key: value for key, value in rest.items() if not key.startswith(_SCANNED)}
        self.attrs = {key: value for key, value in rest.items() if key not in self.tags}
        held = {key: self.facts[name] for key, name in FACTS.items()} | rest
        self._told: dict[str, Any] = {"keys": list(found)} if found else {}
        if types:
            self._told["types"] = types
        lost = {key: value for key, value in self._found.items() if held.get(key) != value}
        if lost:
            self._told["values"] = native(lost)
        self.attrs |= said_of("otel.resource", dropped, schema_url)
        self.attrs[RESOURCE] = self.marker()

    def marker(self, overridden: Mapping[str, str] | None = None) -> str:
        """The value of :data:`RESOURCE`, where a span has attributes that hide some of the resource's."""
        told = self._told
        hidden = {key: value for key, value in self._found.items() if key in (overridden or ()) and key not in FACTS}
        if hidden:
            told = told | {"values": told.get("values", {}) | native(hidden)}
        return msgspec.json.encode(told).decode("utf-8", "replace")


def said_of(part: str, dropped: int, schema_url: str) -> dict[str, str]:
    """What OTLP says of a resource or a scope beside its attributes, where it says anything."""
    found = {f"{part}.schema_url": schema_url} if schema_url else {}
    return found | {f"{part}.dropped_attributes_count": str(dropped)} if dropped else found


def _named(found: Mapping[str, str], *names: str) -> str:
    """The first of ``names`` that has a value, or ``""``."""
    return next((value for value in map(found.get, names) if value), "")


FACTS: Final = {
    "service.name": "service",
    "service.instance.id": "instance",
    "service.version": "version",
    "host.name": "host",
    "cloud.availability_zone": "zone",
    "deployment.environment.name": "env",
    "deployment.environment": "env",
}
"""Attributes of a resource that are fields of a row."""

_SCANNED: Final = ("process.", "telemetry.", "os.", "container.id", "host.id", "host.ip", "host.mac")
