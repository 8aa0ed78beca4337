"""Jaeger's query API: the legacy JSON under ``/api`` that Grafana and scripts use, and parts of ``/api/v3``."""

from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from hopline_query.dialects import jaeger
from hopline_query.errors import BadRequestError, QueryError
from hopline_query.service import QueryService


class JaegerRoute(APIRoute):
    """Failures in Jaeger's envelope."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Wrap FastAPI's handler."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except QueryError as error:
                if request.url.path.rpartition("/api/v3/")[1]:
                    body: Any = {"error": {"httpCode": error.status, "message": error.message}}
                else:
                    body = envelope(None) | {"errors": [{"code": error.status, "msg": error.message}]}
                return _json(body, error.status)

        return handle


def create_router(service: QueryService) -> APIRouter:
    """The endpoints of both APIs over ``service``."""
    router = APIRouter(route_class=JaegerRoute, tags=["jaeger"])
    _add_legacy(router, service)
    _add_v3(router, service)
    return router


def envelope(data: Any, truncated: bool = False) -> dict[str, Any]:
    """Jaeger's frame around every legacy answer; one that was cut says so."""
    total = len(data) if isinstance(data, list) else 0
    more = {"truncated": True} if truncated else {}
    return {"data": data, "total": total, "limit": 0, "offset": 0, "errors": None, **more}


def _add_legacy(router: APIRouter, service: QueryService) -> None:
    @router.get("/api/services", summary="Service names")
    def services() -> Response:
        return _json(envelope(jaeger.services(service)))

    @router.get("/api/services/{name:path}/operations", summary="Operations of a service")
    def names_of(name: str) -> Response:
        found = jaeger.operations(service, name)
        return _json(envelope(sorted({item["name"] for item in found})))

    @router.get("/api/operations", summary="Operations of a service, with their kind")
    def operations(request: Request) -> Response:
        return _json(envelope(_operations(service, request, "service", "spanKind")))

    @router.get("/api/traces", summary="Search traces")
    def traces(request: Request) -> Response:
        ids = request.query_params.getlist("traceID")
        if ids:
            return _json(envelope(*jaeger.by_ids(service, ids)))
        tags = request.query_params.getlist("tag")
        return _json(envelope(*jaeger.traces(service, dict(request.query_params), tags)))

    @router.get("/api/traces/{trace_id}", summary="One trace")
    def trace(trace_id: str) -> Response:
        return _json(envelope(*jaeger.trace(service, trace_id)))

    @router.get("/api/dependencies", summary="Calls between services")
    def dependencies(request: Request) -> Response:
        return _json(envelope(*jaeger.dependencies(service, dict(request.query_params))))


def _add_v3(router: APIRouter, service: QueryService) -> None:
    @router.get("/api/v3/services", summary="Service names (v3)")
    def services() -> Response:
        return _json({"services": jaeger.services(service)})

    @router.get("/api/v3/operations", summary="Operations of a service (v3)")
    def operations(request: Request) -> Response:
        return _json({"operations": _operations(service, request, "service", "span_kind", "spanKind")})

    @router.get("/api/v3/traces", summary="Search traces, as OTLP JSON (v3)")
    def traces(request: Request) -> Response:
        return _json(jaeger.otlp_traces(service, dict(request.query_params)))

    @router.get("/api/v3/trace-summaries", summary="What a list shows of traces (v3)")
    def trace_summaries(request: Request) -> Response:
        return _json(jaeger.trace_summaries(service, dict(request.query_params)))

    @router.get("/api/v3/traces/{trace_id}", summary="One trace as OTLP JSON (v3)")
    def trace(trace_id: str) -> Response:
        return _json(jaeger.otlp_trace(service, trace_id))


def _operations(service: QueryService, request: Request, name: str, *kinds: str) -> list[dict[str, Any]]:
    asked = request.query_params.get(name, "")
    if not asked:
        raise BadRequestError(f"parameter '{name}' is required", field=name)
    return jaeger.operations(service, asked, next(filter(None, map(request.query_params.get, kinds)), ""))


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
