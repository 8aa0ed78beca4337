"""The bridge to OpenTelemetry: its spans with our hierarchical ids, shipped by our sender.

Needs ``pip install hopline[otel]``; docs/opentelemetry.md shows how it is set up.
"""

from hopline.otel.exporter import HoplineSpanExporter
from hopline.otel.ids import TimedIdGenerator
from hopline.otel.processor import PathProcessor
from hopline.otel.sampler import PathSampler, SettingsSampler

__all__ = ["HoplineSpanExporter", "PathProcessor", "PathSampler", "SettingsSampler", "TimedIdGenerator"]
