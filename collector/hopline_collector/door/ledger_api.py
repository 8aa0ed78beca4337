"""The ledger over HTTP, for the command line and whoever runs the system."""

from typing import Any

from fastapi import APIRouter, HTTPException

from hopline_collector.chores import books
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreBusyError, StoreError


def create_router(store: ClickHouse) -> APIRouter:
    """``GET /api/v1/ledger/check``."""
    router = APIRouter(tags=["ledger"])

    @router.get("/api/v1/ledger/check", summary="What the ledger accounts for, and its flaws")
    def check() -> dict[str, Any]:
        """Ranges that nothing accounts for, or twice, that were lost, and blocks out of balance; 1,000 at most."""
        try:
            return books.look(store).answer()
        except StoreBusyError as error:
            raise HTTPException(429, str(error), headers={"Retry-After": "1"}) from error
        except StoreError as error:
            raise HTTPException(503, str(error)) from error

    return router
