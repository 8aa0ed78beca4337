"""``/metrics/red``, and ``/metrics`` of a process that answers questions alone."""

from collections.abc import Iterator

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as MetricSource
from starlette.responses import Response

from hopline_collector.metrics import DATA_AGE
from hopline_query.alerts.evaluator import Evaluator
from hopline_query.api.answering import QueryRoute
from hopline_query.errors import QueryError
from hopline_query.red.exposition import MEDIA_TYPE, Red
from hopline_query.service import QueryService


def create_router(
    service: QueryService, evaluator: Evaluator | None, registry: CollectorRegistry, *, alone: bool
) -> APIRouter:
    """The routes; `registry` gets what is known here; `alone`: no collector in this process has ``/metrics``."""
    router = APIRouter(route_class=QueryRoute)
    red = Red(service)

    def figures() -> Response:
        return Response(red.text(), media_type=MEDIA_TYPE)

    router.add_api_route("/metrics/red", figures, include_in_schema=False, response_model=None)
    registry.register(_State(service if alone else None, evaluator))
    if alone:

        def metrics() -> Response:
            return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

        for path in ("/metrics", "/prometheus"):
            router.add_api_route(path, metrics, include_in_schema=False, response_model=None)
    return router


class _State(MetricSource):
    """What is asked for when somebody looks; without `service` a collector tells the age of the data."""

    def __init__(self, service: QueryService | None, evaluator: Evaluator | None) -> None:
        self._service = service
        self._evaluator = evaluator

    def describe(self) -> Iterator[Metric]:
        """Nothing is asked of the store for a description."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Age of the data, and deliveries of alerts."""
        behind = self._behind_s()
        if behind is not None:
            yield GaugeMetricFamily("hopline_data_age_seconds", DATA_AGE, behind)
        if self._evaluator is not None:
            sent, failed = self._evaluator.deliveries, self._evaluator.failures
            yield CounterMetricFamily("hopline_alert_deliveries", "Changes that a receiver took.", sent)
            yield CounterMetricFamily("hopline_alert_delivery_failures", "Tries that a receiver did not take.", failed)

    def _behind_s(self) -> float | None:
        try:
            return None if self._service is None else self._service.freshness()["behind_s"]
        except QueryError:
            return None
