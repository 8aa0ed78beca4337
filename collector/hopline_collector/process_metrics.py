"""What every process tells of itself in ``/metrics``, whether it collects or answers questions."""

import logging
import platform
import shutil
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as MetricSource

from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError

log = logging.getLogger(__name__)


def process_registry(store: ClickHouse, data: Path) -> CollectorRegistry:
    """A registry with build, process, statements of `store`, and the disk under `data`; others add theirs."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    info = Gauge("hopline_build_info", "1, with the version.", ["version", "python"], registry=registry)
    info.labels(metadata.version("hopline"), platform.python_version()).set(1)
    registry.register(store.timings)
    registry.register(_Places(store, data))
    return registry


class _Places(MetricSource):
    """Asked for when somebody looks: whether the store answers, its size, and the room that is left."""

    def __init__(self, store: ClickHouse, data: Path) -> None:
        self._store = store
        self._data = data

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked of the store for a description."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The store's part is missing while it does not answer, the disk's while there is no folder."""
        size = self._store_bytes()
        yield GaugeMetricFamily("hopline_store_up", "Whether the store answers.", 0 if size is None else 1)
        if size is not None:
            yield GaugeMetricFamily("hopline_store_bytes", "Bytes of all tables on the store's disks.", size)
        try:
            disk = shutil.disk_usage(self._data)
        except OSError as error:
            log.debug("no look at the disk: %s", error)
            return
        yield GaugeMetricFamily("hopline_disk_free_bytes", "Room left on the disk of the data folder.", disk.free)
        yield GaugeMetricFamily("hopline_disk_size_bytes", "Size of the disk of the data folder.", disk.total)

    def _store_bytes(self) -> int | None:
        settings = self._store.settings
        statement = (
            f"SELECT sum(bytes_on_disk) FROM {settings.system('parts')} WHERE active AND database = {{home:String}}"
        )
        try:
            return int(self._store.ask(statement, {"home": settings.home})[0][0])
        except StoreError as error:
            log.debug("no look at the store: %s", error)
            return None
