"""HTTP receivers: a body is answered once it is durable, and never with a 500.

Inflated size, time per body and bytes in flight are bounded. ``docs/wire.md`` is the
contract of ``POST /api/v1/spans``.
"""

import asyncio
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from hopline_collector import limits
from hopline_collector.core import Block, Message, build_block
from hopline_collector.intake import Intake, IntakeAwayError, IntakeFullError
from hopline_collector.journal import Batch
from hopline_collector.metrics import Metrics
from hopline_collector.plan import Plan

BATCH_HEADER: Final = "hopline-batch-id"

_CONTENT_TYPES: Final = {
    "application/json": "native",
    "application/msgpack": "native",
    "application/x-msgpack": "native",
}
_CHUNK_SECONDS: Final = 10.0
_BODY_SECONDS: Final = 30.0
_IN_FLIGHT_BYTES: Final = 128 * 1024 * 1024


class RefusedError(Exception):
    """A request that gets an error status."""

    def __init__(self, status: int, error: str, detail: str = "", retry_after: int = 0) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.detail = detail
        self.retry_after = retry_after


@dataclass(slots=True)
class _Gate:
    """Bytes of bodies that are being read or stored at this moment."""

    bytes: int = 0

    def enter(self, size: int) -> None:
        if self.bytes + size > _IN_FLIGHT_BYTES:
            raise RefusedError(429, "busy", "too many bytes are being taken in", 1)
        self.bytes += size


def create_router(
    intake: Intake,
    metrics: Metrics,
    *,
    clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    max_bytes: int = limits.MESSAGE_BYTES,
) -> APIRouter:
    """Routes under which spans are posted. ``clock`` gives microseconds since the epoch."""
    router = APIRouter()
    gate = _Gate()

    @router.post("/api/v1/spans", status_code=202, summary="Store rows", response_model=None)
    async def post_spans(request: Request) -> Response:
        """Take a list of rows, or an object with `rows`, `process` and `report`, as JSON or MessagePack."""
        form = "native"
        try:
            form = _format(request)
            batch_id = _batch_id(request)
            body = await _body(request, max_bytes, gate)
            try:
                status, answer = await run_in_threadpool(_take, intake, form, body, batch_id, clock())
            finally:
                gate.bytes -= len(body)
            response = Response(answer, status, media_type="application/json")
        except RefusedError as refused:
            response = _refusal(refused)
        except ClientDisconnect:
            response = _refusal(RefusedError(400, "disconnected"))
        metrics.request(form, response.status_code)
        return response

    return router


def _take(intake: Intake, form: str, body: bytes, batch_id: str, now_us: int) -> tuple[int, bytes]:
    """Check the body, make it durable, and say what became of its rows."""
    now = now_us // 1_000_000
    if batch_id:
        known = intake.answer_of(batch_id, now)
        if known is not None:
            return 202, known
    block = build_block([Message(0, form, body)], Plan(0, 1, now_us))
    answer = _answer(block)
    batch = Batch(batch_id, answer, now) if batch_id else None
    try:
        intake.accept(form, body, batch)
    except IntakeFullError as error:
        raise RefusedError(429, "full", str(error), 5) from error
    except IntakeAwayError as error:
        raise RefusedError(503, "unavailable", str(error), 5) from error
    return 202, answer


def _answer(block: Block) -> bytes:
    """``{"accepted": n, "rejected": [{"index": i, "reason": "..."}]}``; raises when nothing can be taken."""
    for letter in block.dead:
        if letter.index < 0:
            raise RefusedError(400, letter.reason, letter.detail)
    rejected = [
        {"index": letter.index, "reason": letter.reason, **({"detail": letter.detail} if letter.detail else {})}
        for letter in sorted(block.dead, key=lambda letter: letter.index)
    ]
    return msgspec.json.encode({"accepted": block.counts.received - block.counts.dead, "rejected": rejected})


def _format(request: Request) -> str:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    found = _CONTENT_TYPES.get(content_type)
    if found is None:
        raise RefusedError(415, "unsupported_media_type", "application/json or application/msgpack")
    return found


def _batch_id(request: Request) -> str:
    batch_id = request.headers.get(BATCH_HEADER, "")
    if batch_id and not (len(batch_id) <= 128 and batch_id.isascii() and batch_id.isprintable()):
        raise RefusedError(400, "bad_batch_id", "1 to 128 printable characters")
    return batch_id


async def _body(request: Request, max_bytes: int, gate: _Gate) -> bytes:
    """The inflated body, counted in ``gate``; refuses what is too large, too slow or not to be inflated."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", ""}:
        raise RefusedError(415, "unsupported_encoding", "gzip or none")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    gate.enter(0)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            raw = await _read(request, max_bytes)
    except TimeoutError as error:
        raise RefusedError(408, "too_slow", "the body did not come in time") from error
    body = _inflate(raw, max_bytes) if encoding == "gzip" else raw
    gate.enter(len(body))
    return body


async def _read(request: Request, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(_CHUNK_SECONDS):
                part = await anext(stream)
        except StopAsyncIteration:
            return b"".join(parts)
        size += len(part)
        if size > max_bytes:
            raise _too_large(max_bytes)
        parts.append(part)


def _inflate(raw: bytes, max_bytes: int) -> bytes:
    """Gunzip, giving up as soon as the result would be larger than ``max_bytes``."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        body = inflater.decompress(raw, max_bytes + 1)
    except zlib.error as error:
        raise RefusedError(400, "bad_gzip", str(error)) from error
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    if not inflater.eof:
        raise RefusedError(400, "bad_gzip", "the stream ends too early")
    return body


def _too_large(max_bytes: int) -> RefusedError:
    return RefusedError(413, "too_large", f"at most {max_bytes} bytes, inflated")


def _refusal(refused: RefusedError) -> Response:
    content: dict[str, Any] = {"error": refused.error}
    if refused.detail:
        content["detail"] = refused.detail[:1_000]
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after else None
    return Response(msgspec.json.encode(content), refused.status, headers, media_type="application/json")
