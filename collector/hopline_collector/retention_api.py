"""Retention and pinned traces over HTTP, for the command line and whoever runs the system."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Query

from hopline_collector.store import archive, retention
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreBusyError
from hopline_collector.store.retention import RetentionSettings

_Answer = TypeVar("_Answer")
_Days = Annotated[int | None, Query(ge=1, le=36_500)]


def create_router(
    store: ClickHouse, settings: RetentionSettings, *, clock: Callable[[], int] = lambda: time.time_ns() // 1000
) -> APIRouter:
    """``GET /api/v1/retention/plan``, ``POST /api/v1/retention/run``, ``/api/v1/pins``."""
    router = APIRouter(tags=["retention"])

    @router.get("/api/v1/retention/plan", summary="What retention would delete today")
    def plan(span_days: _Days = None, figure_days: _Days = None) -> dict[str, Any]:
        """Partitions that the rules in force, or the ones given here, would drop; nothing is deleted."""
        given = {"span_days": span_days, "figure_days": figure_days}
        rules = replace(settings, **{name: days for name, days in given.items() if days is not None})
        gone = _asked(lambda: retention.plan(store, rules, _today(clock())))
        return {"rules": asdict(rules), "partitions": [asdict(partition) for partition in gone]}

    @router.post("/api/v1/retention/run", summary="Delete what retention would delete today")
    def run() -> dict[str, Any]:
        """Late rows of pinned traces are copied first; then whole partitions go, by the rules in force."""
        _asked(lambda: archive.refresh(store))
        gone = _asked(lambda: retention.apply(store, settings, _today(clock())))
        return {"rules": asdict(settings), "partitions": [asdict(partition) for partition in gone]}

    @router.get("/api/v1/pins", summary="Pinned traces, newest first")
    def pins() -> dict[str, Any]:
        """Traces that no retention touches."""
        return {"pins": [asdict(trace) for trace in _asked(lambda: archive.pinned(store))]}

    @router.post("/api/v1/pins/{trace_id}", summary="Keep a trace")
    def pin(trace_id: str) -> dict[str, Any]:
        """Copy the trace where no retention reaches it; later rows follow by themselves."""
        rows = _asked(lambda: archive.pin(store, trace_id.lower()))
        if not rows:
            raise HTTPException(404, "no row of this trace is stored")
        return {"trace_id": trace_id.lower(), "rows": rows}

    @router.delete("/api/v1/pins/{trace_id}", summary="Let a pinned trace go")
    def unpin(trace_id: str) -> dict[str, Any]:
        """The archive's copy goes at once; the trace itself lives as long as others."""
        if not _asked(lambda: archive.unpin(store, trace_id.lower())):
            raise HTTPException(404, "this trace is not pinned")
        return {"trace_id": trace_id.lower()}

    return router


def _today(now_us: int) -> date:
    return datetime.fromtimestamp(now_us / 1_000_000, UTC).date()


def _asked(question: Callable[[], _Answer]) -> _Answer:
    """The store's answer, or an HTTP error that says whether to come again."""
    try:
        return question()
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    except StoreBusyError as error:
        raise HTTPException(429, str(error), {"Retry-After": "1"}) from error
    except Exception as error:
        raise HTTPException(503, f"the store does not answer: {error}"[:500], {"Retry-After": "5"}) from error
