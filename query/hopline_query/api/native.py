"""The native API, ``/api/v1`` (docs/api.md). Endpoints are plain functions, so each runs in a worker thread."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from hopline_query.api import described, why
from hopline_query.api.answering import FastJSON, QueryRoute
from hopline_query.service import QueryService

TraceId = Annotated[str, Path(description="32 or 16 hex, an opaque id, a traceparent or a b3 value", max_length=512)]
Key = Annotated[str, Path(description="key of a node, id of a row, or span id", max_length=256)]


def given(request: Request) -> Mapping[str, str]:
    """The parameters of the URL as the service reads them; of repeated ones the last."""
    return request.query_params


Values = Annotated[Mapping[str, str], Depends(given)]


def create_router(service: QueryService) -> APIRouter:
    """All native endpoints over ``service``, under ``/api/v1``."""
    router = APIRouter(prefix="/api/v1", route_class=QueryRoute, default_response_class=FastJSON, tags=["query"])
    _add_traces(router, service)
    _add_figures(router, service)
    _add_names(router, service)
    _add_system(router, service)
    why.add_to(router, service)
    return router


def _add_traces(router: APIRouter, service: QueryService) -> None:
    @router.get("/traces", **described.SEARCH)
    def search(values: Values, ids: Annotated[str, Query(description="comma list of trace ids")] = "") -> Any:
        return FastJSON(service.traces(ids, values) if ids else service.search(values))

    @router.get("/traces/points", **described.POINTS)
    def points(values: Values) -> Any:
        return FastJSON(service.points(values))

    @router.get("/traces/{trace_id}/nodes/{key}", **described.NODE)
    def node(trace_id: TraceId, key: Key, values: Values) -> Any:
        return FastJSON(service.node(trace_id, key, values))

    @router.get("/traces/{trace_id}/usual", **described.USUAL)
    def usual(trace_id: TraceId, values: Values) -> Any:
        return FastJSON(service.usual(trace_id, values))

    @router.get("/traces/{trace_id}/statistics", **described.STATISTICS)
    def statistics(trace_id: TraceId, values: Values) -> Any:
        return FastJSON(service.statistics(trace_id, values))

    @router.get("/traces/{trace_id}/events", **described.EVENTS)
    def events(trace_id: TraceId, values: Values) -> Any:
        return FastJSON(service.events(trace_id, values))

    @router.get("/traces/{trace_id}/found", **described.FOUND)
    def found(trace_id: TraceId, values: Values) -> Any:
        return FastJSON(service.found(trace_id, values))

    @router.get("/traces/{trace_id}/export", **described.EXPORT)
    def export(trace_id: TraceId, form: Annotated[str, Query(alias="format")] = "json") -> Response:
        body, media_type, name = service.export(trace_id, form)
        return Response(body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    @router.get("/compare", **described.COMPARE)
    def compare(a: Annotated[str, Query(max_length=512)], b: Annotated[str, Query(max_length=512)]) -> Any:
        return FastJSON(service.compare(a, b))

    @router.get("/traces/{trace_id}", **described.TRACE)
    def trace(request: Request, trace_id: TraceId, values: Values) -> Any:
        answer, mark = service.trace_unless(request.headers.get("if-none-match", ""), trace_id, values)
        headers = {"ETag": mark, "Cache-Control": "private, no-cache"}
        return Response(status_code=304, headers=headers) if answer is None else FastJSON(answer, headers=headers)

    @router.get("/users/timeline", **described.USER_BY_PARAMETER)
    def user_by_parameter(values: Values) -> Any:
        # A uid such as ".." cannot stand in a path: clients fold it away.
        return FastJSON(service.user(values.get("uid", ""), values))

    @router.get("/users/{uid:path}/timeline", **described.USER)
    def user(uid: Annotated[str, Path(max_length=1_024)], values: Values) -> Any:
        return FastJSON(service.user(uid, values))


def _add_figures(router: APIRouter, service: QueryService) -> None:
    @router.get("/stats", **described.STATS)
    def stats(values: Values) -> Any:
        return FastJSON(service.stats(values))

    @router.get("/series", **described.SERIES)
    def series(values: Values) -> Any:
        return FastJSON(service.series(values))

    @router.get("/errors", **described.ERRORS)
    def errors(values: Values) -> Any:
        return FastJSON(service.errors(values))

    @router.get("/heatmap", **described.HEATMAP)
    def heatmap(values: Values) -> Any:
        return FastJSON(service.heatmap(values))

    @router.get("/dependencies", **described.DEPENDENCIES)
    def dependencies(values: Values) -> Any:
        return FastJSON(service.dependencies(values))


def _add_names(router: APIRouter, service: QueryService) -> None:
    @router.get("/services", **described.SERVICES)
    def services(values: Values) -> Any:
        return FastJSON(service.services(values))

    @router.get("/operations", **described.OPERATIONS)
    def operations(values: Values) -> Any:
        return FastJSON(service.operations(values))

    @router.get("/peers", **described.PEERS)
    def peers(values: Values) -> Any:
        return FastJSON(service.peers(values))

    @router.get("/instances", **described.INSTANCES)
    def instances(values: Values) -> Any:
        return FastJSON(service.instances(values))

    @router.get("/tags", **described.TAGS)
    def tag_keys(values: Values) -> Any:
        return FastJSON(service.tag_keys(values))

    @router.get("/tags/{key:path}/values", **described.TAG_VALUES)
    def tag_values(key: Annotated[str, Path(max_length=256)], values: Values) -> Any:
        return FastJSON(service.tag_values(key, values))

    @router.get("/envs", **described.ENVS)
    def envs(values: Values) -> Any:
        return FastJSON(service.envs(values))


def _add_system(router: APIRouter, service: QueryService) -> None:
    @router.get("/find", **described.FIND)
    def find(text: Annotated[str, Query(description="anything pasted", max_length=4_096)] = "") -> Any:
        return FastJSON(service.find(text))

    @router.get("/range", **described.RANGE)
    def extent() -> Any:
        return FastJSON(service.range())

    @router.get("/freshness", **described.FRESHNESS)
    def freshness() -> Any:
        return FastJSON(service.freshness())

    @router.get("/system", **described.SYSTEM)
    def system() -> Any:
        return FastJSON(service.system())
