"""Erasure over HTTP, for ``hopline erase``."""

from typing import Any, Final

import msgspec
from fastapi import APIRouter, HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from hopline_collector.door.bodies import Gate, RefusedError, read_body
from hopline_collector.door.problems import problem
from hopline_collector.erasure.jobs import Erasures
from hopline_collector.erasure.needle import Needle

_MOST_BYTES: Final = 16_384


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be erased: one of the two ids."""

    uid: str = ""
    trace_id: str = ""
    dry_run: bool = False


def create_router(erasures: Erasures) -> APIRouter:
    """``POST /api/v1/erasures``, ``GET /api/v1/erasures/{id}``."""
    router = APIRouter(tags=["erasure"])
    gate = Gate()

    @router.post(
        "/api/v1/erasures",
        summary="Erase a user or a trace, or count what that would be",
        status_code=202,
        response_model=None,
    )
    async def erase(request: Request) -> Response | dict[str, Any]:
        """Takes the job and answers at once; it is done when its answer says so, whatever happens meanwhile."""
        try:
            body = await read_body(request, _MOST_BYTES, gate)
        except RefusedError as refused:
            return problem(refused.status, refused.detail or refused.error)
        gate.leave(len(body))
        try:
            wanted = msgspec.json.decode(body, type=Wanted)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return problem(422, 'expected {"uid": "..."} or {"trace_id": "..."}, and "dry_run"', field="uid")
        return await run_in_threadpool(_submit, wanted)

    def _submit(wanted: Wanted) -> dict[str, Any]:
        if bool(wanted.uid) == bool(wanted.trace_id):
            raise HTTPException(400, "name a uid or a trace_id, one of them")
        try:
            needle = Needle(wanted.trace_id.lower(), trace=True) if wanted.trace_id else Needle(wanted.uid)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        try:
            return erasures.submit(needle, dry_run=wanted.dry_run).answer()
        except OSError as error:
            raise HTTPException(503, f"the job cannot be kept: {error.strerror}", {"Retry-After": "5"}) from error

    @router.get("/api/v1/erasures/{job}", summary="How far an erasure is")
    def state(job: int) -> dict[str, Any]:
        """Counts by place, and whether it is done."""
        found = erasures.find(job)
        if found is None:
            raise HTTPException(404, "this process knows no such erasure: it is done, or was taken before a restart")
        return found.answer()

    return router
