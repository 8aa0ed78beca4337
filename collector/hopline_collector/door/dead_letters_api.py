"""Dead letters over HTTP, for the command line and whoever runs the system."""

import base64
import logging
import time
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hopline_collector.audit import Record, unrecorded
from hopline_collector.block import dead_letters
from hopline_collector.block.dead_letters import Letter, UnknownLetterError
from hopline_collector.door.bodies import Gate, RefusedError, read_body
from hopline_collector.door.intake import Intake, IntakeAwayError, IntakeFullError
from hopline_collector.door.problems import problem
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreBusyError

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


_MOST_BYTES: Final = 256 * 1024
"""Bytes of the largest request: as many names as may be given at once."""

_OPENAPI: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "ids": {"type": "array", "items": {"type": "string"}, "maxItems": dead_letters.MOST},
                        "reason": {"type": "string"},
                    },
                }
            }
        },
    }
}


class ReplayRequest(msgspec.Struct):
    """Which letters to hand in again: by name, or the newest of one reason."""

    ids: Annotated[list[str], msgspec.Meta(max_length=dead_letters.MOST)] = msgspec.field(default_factory=list)
    reason: str = ""


def create_router(
    store: ClickHouse,
    intake: Intake,
    record: Record = unrecorded,
    *,
    clock: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> APIRouter:
    """``GET /api/v1/dead``, ``GET /api/v1/dead/{id}``, ``POST /api/v1/dead/replay``."""
    router = APIRouter(tags=["dead letters"])

    @router.get("/api/v1/dead", summary="Dead letters, newest first")
    def list_letters(
        reason: str = "",
        limit: Annotated[int, Query(ge=1, le=dead_letters.MOST)] = 100,
        before_us: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        replayed: bool = False,
    ) -> dict[str, Any]:
        """Letters that wait, with how many there are by reason."""
        found = _asked(
            lambda: dead_letters.list_letters(store, reason=reason, limit=limit, before_us=before_us, replayed=replayed)
        )
        return {"letters": [_json(letter) for letter in found], "reasons": _asked(lambda: dead_letters.reasons(store))}

    @router.get("/api/v1/dead/{name}", summary="One dead letter with its bytes")
    def show(name: str) -> dict[str, Any]:
        """The letter, its bytes as text where they are text, and in base64."""
        try:
            letter, raw = _asked(lambda: dead_letters.show(store, name))
        except UnknownLetterError as error:
            raise HTTPException(404, "there is no such letter") from error
        text = raw.decode("utf-8", "replace")
        return {**_json(letter), "raw": base64.b64encode(raw).decode(), "text": text if text.isprintable() else None}

    gate = Gate()

    @router.post(
        "/api/v1/dead/replay", summary="Hand dead letters in again", response_model=None, openapi_extra=_OPENAPI
    )
    async def replay(request: Request) -> Response | dict[str, Any]:
        """Each letter once; what still cannot be taken becomes a new letter."""
        try:
            body = await read_body(request, _MOST_BYTES, gate)
        except RefusedError as refused:
            return problem(refused.status, refused.detail or refused.error)
        gate.leave(len(body))
        try:
            wanted = msgspec.json.decode(body, type=ReplayRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return problem(422, 'expected {"ids": [...]} or {"reason": "..."}', field="ids")
        return await run_in_threadpool(_replay, wanted)

    def _replay(wanted: ReplayRequest) -> dict[str, Any]:
        names = wanted.ids
        if wanted.reason and not names:
            found = _asked(lambda: dead_letters.list_letters(store, reason=wanted.reason, limit=dead_letters.MOST))
            names = [letter.id for letter in found]
        try:
            done = _asked(lambda: dead_letters.replay(store, intake, names, clock()))
        except (IntakeFullError, IntakeAwayError) as error:
            raise HTTPException(503, str(error), {"Retry-After": "5"}) from error
        record("replay", reason=wanted.reason, replayed=done.replayed, skipped=len(done.skipped))
        return {"replayed": done.replayed, "skipped": done.skipped}

    return router


def _asked(question: Callable[[], _Answer]) -> _Answer:
    """The store's answer, or an HTTP error that says whether to come again."""
    try:
        return question()
    except StoreBusyError as error:
        raise HTTPException(429, str(error), {"Retry-After": "1"}) from error
    except (UnknownLetterError, IntakeFullError, IntakeAwayError):
        raise
    except Exception as error:
        # The driver's words name addresses, which are nobody's business outside.
        log.warning("the store does not answer: %s", error)
        raise HTTPException(503, "the store does not answer", {"Retry-After": "5"}) from error


def _json(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "arrived_us": letter.arrived,
        "source": letter.source,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "index": letter.index,
        "format": letter.format,
        "reason": letter.reason,
        "detail": letter.detail,
        "bytes": letter.bytes,
        "log": letter.log,
    }
