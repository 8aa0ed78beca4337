"""Why is it slow, why does it fail: the endpoints of docs/why.md, below ``/api/v1``."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from hopline_query.api import described
from hopline_query.api.answering import FastJSON
from hopline_query.service import QueryService


def given(request: Request) -> Mapping[str, str]:
    """The parameters of the URL as the service reads them; of repeated ones the last."""
    return request.query_params


Values = Annotated[Mapping[str, str], Depends(given)]


def add_to(router: APIRouter, service: QueryService) -> None:
    """Add them to the native API."""

    @router.get("/causes", **described.CAUSES)
    def causes(values: Values) -> Any:
        return FastJSON(service.causes(values))

    @router.get("/critical-path", **described.CRITICAL_PATH)
    def critical_path(values: Values) -> Any:
        return FastJSON(service.critical_path(values))

    @router.get("/differs", **described.DIFFERS)
    def differs(values: Values) -> Any:
        return FastJSON(service.differs(values))

    @router.get("/worse", **described.WORSE)
    def worse(values: Values) -> Any:
        return FastJSON(service.worse(values))

    @router.get("/shapes", **described.SHAPES)
    def shapes(values: Values) -> Any:
        return FastJSON(service.shapes(values))

    @router.get("/query", **described.QUERY)
    def query(values: Values) -> Any:
        return FastJSON(service.query(values))
