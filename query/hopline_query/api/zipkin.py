"""Zipkin's query API, ``/api/v2`` (and under ``/zipkin``, where its pages and Grafana look for it)."""

from collections.abc import Callable
from importlib import metadata
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from hopline_query.dialects import zipkin
from hopline_query.errors import QueryError, TooManyQueriesError
from hopline_query.service import QueryService
from hopline_query.topology.brokers import REMOTE_TAG
from hopline_query.tree.marks import CUT, SOURCE_DURATION, SOURCE_START

FEW = 3
"""Up to so many services the answer is not cached, so that beginners see each new one at once."""

OURS = frozenset({CUT, REMOTE_TAG, SOURCE_DURATION, SOURCE_START})
"""Tags of the collector's own, which no span goes back with."""

CACHED = {"Cache-Control": "max-age=300, must-revalidate"}


TRUNCATED = {"Hopline-Truncated": "true"}


class ZipkinRoute(APIRoute):
    """Failures as Zipkin answers them: the words alone, as text."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Wrap FastAPI's handler."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except QueryError as error:
                headers = {"Retry-After": "1"} if isinstance(error, TooManyQueriesError) else None
                return Response(error.message, error.status, headers, media_type="text/plain; charset=utf-8")

        return handle


def create_router(service: QueryService) -> APIRouter:
    """All reading endpoints of Zipkin over ``service``."""
    api = APIRouter(route_class=ZipkinRoute, tags=["zipkin"])
    _add_names(api, service)
    _add_traces(api, service)
    around = APIRouter(route_class=ZipkinRoute, tags=["zipkin"])
    _add_around(around, service)
    router = APIRouter()
    router.include_router(api, prefix="/api/v2")
    router.include_router(api, prefix="/zipkin/api/v2", include_in_schema=False)
    router.include_router(around)
    return router


def _add_names(api: APIRouter, service: QueryService) -> None:
    @api.get("/services", summary="Service names")
    def services() -> Response:
        return _names(zipkin.services(service))

    @api.get("/spans", summary="Span names of a service")
    def spans(request: Request) -> Response:
        return _names(zipkin.span_names(service, _required(request, "serviceName")))

    @api.get("/remoteServices", summary="Remote services of a service")
    def remote_services(request: Request) -> Response:
        return _names(zipkin.remote_services(service, _required(request, "serviceName")))

    @api.get("/autocompleteKeys", summary="Tag keys that can be completed")
    def autocomplete_keys() -> Response:
        keys = [item["key"] for item in service.tag_keys({"limit": "100"})["keys"]]
        return _json([key for key in keys if key not in OURS])

    @api.get("/autocompleteValues", summary="Values of a tag key")
    def autocomplete_values(request: Request) -> Response:
        key = _required(request, "key")
        return _json([item["value"] for item in service.tag_values(key)["values"]] if key else [])


def _add_traces(api: APIRouter, service: QueryService) -> None:
    @api.get("/traces", summary="Search traces")
    def traces(request: Request) -> Response:
        return _cut(*zipkin.traces(service, _first_values(request)))

    @api.get("/trace/{trace_id}", summary="One trace")
    def trace(trace_id: str) -> Response:
        return _json(zipkin.trace(service, trace_id))

    @api.get("/traceMany", summary="Several traces")
    def trace_many(request: Request) -> Response:
        return _cut(*zipkin.many(service, _first_values(request).get("traceIds")))

    @api.get("/dependencies", summary="Links between services")
    def dependencies(request: Request) -> Response:
        return _cut(*zipkin.dependencies(service, _first_values(request)))


def _add_around(api: APIRouter, service: QueryService) -> None:
    @api.get("/info", summary="Version")
    @api.get("/zipkin/info", include_in_schema=False)
    def info() -> Response:
        return _json({"zipkin": {"version": metadata.version("hopline")}, "hopline": metadata.version("hopline")})

    @api.get("/health", summary="Health as Zipkin tells it")
    @api.get("/zipkin/health", include_in_schema=False)
    def health() -> Response:
        try:
            service.range()
        except QueryError as error:
            storage = {"status": "DOWN", "details": {"error": error.message}}
            return _json({"status": "DOWN", "zipkin": {"status": "DOWN", "details": {"storage": storage}}}, status=503)
        up = {"status": "UP"}
        return _json({"status": "UP", "zipkin": {"status": "UP", "details": {"ClickHouse": up}}})

    @api.get("/zipkin/metrics", summary="Zipkin's counters")
    def metrics() -> Response:
        accounts = service.system()["collectors"]
        sums = {name: sum(a[name] for a in accounts) for name in ("received", "dead", "sampled_out")}
        return _json(
            {
                "counter.zipkin_collector.spans": sums["received"],
                "counter.zipkin_collector.spans_dropped": sums["dead"] + sums["sampled_out"],
            }
        )

    @api.get("/zipkin/config.json", summary="Settings of Zipkin's pages")
    @api.get("/config.json", include_in_schema=False)
    def config() -> Response:
        return _json(
            {
                "environment": "",
                "queryLimit": 10,
                "defaultLookback": 900_000,
                "searchEnabled": True,
                "logsUrl": None,
                "supportUrl": None,
                "archivePostUrl": None,
                "archiveUrl": None,
                "dependency": {"enabled": True, "lowErrorRate": 0.01, "highErrorRate": 0.05},
            }
        )


def _first_values(request: Request) -> dict[str, str]:
    """Of a repeated parameter the first counts."""
    found: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        found.setdefault(key, value)
    return found


def _required(request: Request, name: str) -> str:
    value = _first_values(request).get(name)
    if value is None:
        raise zipkin.mandatory(name)
    return value


def _names(found: list[str]) -> Response:
    return _json(found, CACHED if len(found) > FEW else {})


def _cut(found: list[Any], truncated: bool) -> Response:
    """Zipkin's answers have no place to say that they were cut: a header says it."""
    return _json(found, TRUNCATED if truncated else {})


def _json(value: Any, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
