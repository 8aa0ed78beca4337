"""Retention and pinned traces over HTTP, for the command line and whoever runs the system."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, HTTPException, Query

from hopline_collector.audit import Record, digest, unrecorded
from hopline_collector.chores import archive, disk_share, retention
from hopline_collector.chores.announced import Announced, Notice
from hopline_collector.chores.retention import Expired, RetentionSettings
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreBusyError

_Answer = TypeVar("_Answer")
_SHORT: Final = 16
_Share = Annotated[float | None, Query(ge=0, le=1)]
_Days = Annotated[int | None, Query(ge=1, le=36_500)]


def create_router(
    store: ClickHouse,
    settings: RetentionSettings,
    record: Record = unrecorded,
    *,
    notice: Notice | None = None,
    clock: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> APIRouter:
    """``GET /api/v1/retention/plan``, ``POST /api/v1/retention/run``, ``/api/v1/pins``."""
    router = APIRouter(tags=["retention"])

    @router.get("/api/v1/retention/plan", summary="What retention would delete today")
    def plan(span_days: _Days = None, figure_days: _Days = None, disk_share: _Share = None) -> dict[str, Any]:
        """Partitions that the rules in force, or the ones given here, would drop; nothing is deleted."""
        days = {"span_days": span_days, "figure_days": figure_days}
        rules = replace(settings, **{name: number for name, number in days.items() if number is not None})
        rules = rules if disk_share is None else replace(rules, disk_share=disk_share)
        gone = _asked(lambda: _planned(store, rules, clock()))
        known = notice.read() if notice else Announced()
        announced = {"since_us": known.since_us or None, "disk": known.disk}
        return {"rules": asdict(rules), "partitions": [asdict(part) for part in gone], "announced": announced}

    @router.post("/api/v1/retention/run", summary="Delete what retention would delete today")
    def run() -> dict[str, Any]:
        """Late rows of pinned traces are copied first; then whole partitions go, by the rules in force."""
        _asked(lambda: archive.refresh(store))
        gone = _asked(lambda: _planned(store, settings, clock()))
        _asked(lambda: retention.drop(store, gone))
        retention.record_drops(record, gone)
        return {"rules": asdict(settings), "partitions": [asdict(partition) for partition in gone]}

    @router.get("/api/v1/pins", summary="Pinned traces, newest first")
    def pins() -> dict[str, Any]:
        """Traces that no retention touches."""
        return {"pins": [asdict(trace) for trace in _asked(lambda: archive.pinned(store))]}

    @router.post("/api/v1/pins/{trace_id}", summary="Keep a trace")
    def pin(trace_id: str) -> dict[str, Any]:
        """Copy the trace where no retention reaches it; later rows follow by themselves."""
        stored = _stored(trace_id)
        rows = _asked(lambda: archive.pin(store, stored))
        if not rows:
            raise HTTPException(404, "no row of this trace is stored")
        record("pin", sha256=digest(stored), rows=rows)
        return {"trace_id": stored, "rows": rows}

    @router.delete("/api/v1/pins/{trace_id}", summary="Let a pinned trace go")
    def unpin(trace_id: str) -> dict[str, Any]:
        """The archive's copy goes at once; the trace itself lives as long as others."""
        stored = _stored(trace_id)
        if not _asked(lambda: archive.unpin(store, stored)):
            raise HTTPException(404, "this trace is not pinned")
        record("unpin", sha256=digest(stored))
        return {"trace_id": stored}

    return router


def _planned(store: ClickHouse, rules: RetentionSettings, now_us: int) -> list[Expired]:
    today = _today(now_us)
    aged = retention.plan(store, rules, today)
    return [*aged, *disk_share.plan(store, rules.disk_share, today, aged)]


def _stored(trace_id: str) -> str:
    """The id under which a trace is stored: ids of 64 bits have zeros before them."""
    trace_id = trace_id.strip().lower()
    return trace_id.rjust(32, "0") if len(trace_id) == _SHORT else trace_id


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
