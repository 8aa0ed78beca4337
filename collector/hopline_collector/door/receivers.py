"""HTTP receivers: a body is answered once it is durable, and never with a 500.

Inflated size, time per body and bytes in flight are bounded. ``docs/wire.md`` is the
contract of ``POST /api/v1/spans``, to which Zipkin's v1 spans may be posted too.
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from hopline_collector.block import kept_times, limits
from hopline_collector.block.core import Block, Message, build_block
from hopline_collector.door import foreign
from hopline_collector.door import otlp as receivers_otlp
from hopline_collector.door import zipkin as receivers_zipkin
from hopline_collector.door.bodies import Gate, RefusedError, batch_id_of, read_body, refusal
from hopline_collector.door.intake import Intake, IntakeAwayError, IntakeFullError, IntakeTooLargeError
from hopline_collector.handover.plan import Plan
from hopline_collector.metrics import Metrics
from hopline_collector.sources.journal import Batch

_CONTENT_TYPES: Final = {
    "application/json": "native",
    "application/msgpack": "native",
    "application/x-msgpack": "native",
}


_THRIFT: Final = "Jaeger's Thrift is not taken: send OTLP to /v1/traces, as its clients and collector do"


def create_router(
    intake: Intake,
    metrics: Metrics,
    *,
    clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    max_bytes: int = limits.MESSAGE_BYTES,
) -> APIRouter:
    """Routes under which spans are posted. ``clock`` gives microseconds since the epoch."""
    router = APIRouter()
    gate = Gate()

    @router.post("/api/v1/spans", status_code=202, summary="Store rows", response_model=None)
    async def post_spans(request: Request) -> Response:
        """Take a list of rows, or an object with `rows`, `process` and `report`, as JSON or MessagePack."""
        form = "native"
        try:
            form = _format(request)
            batch_id = batch_id_of(request)
            body = await read_body(request, max_bytes, gate)
            try:
                keeping = kept_times.chosen(intake, request)
                status, answer = await run_in_threadpool(_take, keeping, form, body, batch_id, clock())
            finally:
                gate.leave(len(body))
            response = Response(answer, status, media_type="application/json")
        except RefusedError as refused:
            response = refusal(refused)
        except ClientDisconnect:
            response = refusal(RefusedError(400, "disconnected"))
        metrics.request(form, response.status_code)
        return response

    @router.post("/api/traces", summary="Jaeger's Thrift, which is not taken", response_model=None)
    async def post_thrift() -> Response:
        """Say where Jaeger's senders find what they can send to."""
        metrics.request("jaeger", 415)
        return refusal(RefusedError(415, "unsupported_media_type", _THRIFT))

    for protocol in (receivers_zipkin, receivers_otlp):
        protocol.add_routes(router, intake, metrics, gate, clock=clock, max_bytes=max_bytes)
    return router


def _take(intake: Intake, form: str, body: bytes, batch_id: str, now_us: int) -> tuple[int, bytes]:
    """Check the body, make it durable, and say what became of its rows."""
    if receivers_zipkin.is_zipkin(body):
        receivers_zipkin.take_v1(intake, body, batch_id, now_us)
        return 202, b""
    now = now_us // 1_000_000
    known = foreign.answered(intake, batch_id, now)
    if known is not None:
        return 202, known
    foreign.check_weight(form, body)
    block = build_block([Message(0, form, body)], Plan(0, 1, now_us))
    answer = _answer(block)
    batch = Batch(batch_id, answer, now) if batch_id else None
    try:
        intake.accept([(form, body)], batch)
    except IntakeFullError as error:
        raise RefusedError(429, "full", str(error), 5) from error
    except IntakeAwayError as error:
        raise RefusedError(503, "unavailable", str(error), 5) from error
    except IntakeTooLargeError as error:
        raise RefusedError(413, "too_large", str(error)) from error
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
