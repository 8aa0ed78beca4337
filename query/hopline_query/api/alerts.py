"""``/api/v1/alerts``: what is wrong now, and what was."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from hopline_query.alerts.answers import Alerts
from hopline_query.api.answering import FastJSON, QueryRoute


def create_router(found: Alerts) -> APIRouter:
    """Routes over the alerts of a server."""
    router = APIRouter(prefix="/api/v1", route_class=QueryRoute, default_response_class=FastJSON, tags=["alerts"])

    @router.get("/alerts", summary="Alerts that are pending, firing or silenced, and those resolved within a day")
    def alerts() -> Any:
        return FastJSON(found.open())

    @router.get("/alerts/history", summary="Changes of alerts, newest first")
    def history(limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Any:
        return FastJSON(found.history(limit))

    return router
