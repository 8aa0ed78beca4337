"""Backups over HTTP, for ``hopline backup``."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException

from hopline_collector.chores.backup import Backups


def create_router(backups: Backups) -> APIRouter:
    """``POST /api/v1/backups``, ``GET /api/v1/backups/{name}``."""
    router = APIRouter(tags=["backup"])

    @router.post("/api/v1/backups", summary="Back the embedded store up", status_code=202)
    def begin() -> dict[str, Any]:
        """Starts one below the data folder and answers at once."""
        try:
            return asdict(backups.begin())
        except ValueError as error:
            raise HTTPException(400, str(error)) from error

    @router.get("/api/v1/backups/{name}", summary="How far a backup is")
    def state(name: str) -> dict[str, Any]:
        """Its folder is whole when the state is done."""
        found = backups.find(name)
        if found is None:
            raise HTTPException(404, "this process made no such backup")
        return asdict(found)

    return router
