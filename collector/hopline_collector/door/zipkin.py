"""Zipkin's collector API: ``POST /api/v2/spans``, and v1 spans beside our own rows.

Answers are those of a Zipkin server: 202 with an empty body, errors as text. Where it
answers 500 or takes what it did not understand we answer 4xx (RATIONALE.md).
"""

from collections.abc import Callable
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response

from hopline_collector.block import kept_times
from hopline_collector.door import foreign
from hopline_collector.door.bodies import Gate, RefusedError, batch_id_of, read_body
from hopline_collector.door.intake import Intake
from hopline_collector.formats import Decoded, DecodeError, zipkin, zipkin_json, zipkin_protobuf, zipkin_v1
from hopline_collector.metrics import Metrics
from hopline_collector.sources.journal import Batch

_SPACE: Final = b" \t\r\n"
_REFUSED_TYPES: Final = ("thrift", "msgpack", "multipart/", "x-www-form-urlencoded")


class _Peek(msgspec.Struct):
    """Empty where the key is not there."""

    traceId: msgspec.Raw = msgspec.Raw()  # noqa: N815 - the protocol's own name
    trace_id: msgspec.Raw = msgspec.Raw()


def add_routes(
    router: APIRouter, intake: Intake, metrics: Metrics, gate: Gate, *, clock: Callable[[], int], max_bytes: int
) -> None:
    """Add ``POST /api/v2/spans`` to ``router``. ``clock`` gives microseconds since the epoch."""

    @router.post("/api/v2/spans", status_code=202, summary="Store Zipkin spans", response_model=None)
    async def post_spans(request: Request) -> Response:
        """Take a Zipkin v2 list of spans, as JSON or protobuf."""
        try:
            decode = _decoder(request)
            batch_id = batch_id_of(request)
            body = await read_body(request, max_bytes, gate)
            try:
                await run_in_threadpool(take, kept_times.chosen(intake, request), decode, body, batch_id, clock())
            finally:
                gate.leave(len(body))
            response = Response(status_code=202)
        except RefusedError as refused:
            response = refusal(refused)
        except ClientDisconnect:
            response = refusal(RefusedError(400, "disconnected"))
        metrics.request("zipkin", response.status_code)
        return response


def is_zipkin(body: bytes) -> bool:
    """Whether a JSON body posted to ``/api/v1/spans`` holds Zipkin's spans and not our rows."""
    if b'"traceId"' not in body or body.lstrip(_SPACE)[:1] != b"[":
        return False
    try:
        rows = msgspec.json.decode(body, type=list[_Peek])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return b'"trace_id"' not in body
    return bool(rows) and bool(bytes(rows[0].traceId)) and not bytes(rows[0].trace_id)


def take_v1(intake: Intake, body: bytes, batch_id: str, now_us: int) -> None:
    """Store a body of ``/api/v1/spans`` that :func:`is_zipkin`. Raises :class:`RefusedError`."""
    take(intake, zipkin_v1.decode if zipkin.is_v1(body) else zipkin_json.decode, body, batch_id, now_us)


def take(intake: Intake, decode: Callable[[bytes], Decoded], body: bytes, batch_id: str, now_us: int) -> None:
    """Store a body whole or, when one span of it is bad, not at all. Raises :class:`RefusedError`."""
    now = now_us // 1_000_000
    if not body or foreign.answered(intake, batch_id, now) is not None:
        return
    foreign.check_weight("zipkin", body)
    try:
        decoded = decode(body)
    except DecodeError as error:
        raise RefusedError(400, "malformed", error.detail) from error
    if decoded.refused:
        raise RefusedError(400, decoded.refused[0].reason, decoded.refused[0].detail)
    foreign.store(intake, foreign.entries(decoded, "zipkin"), Batch(batch_id, b"", now) if batch_id else None)


def _decoder(request: Request) -> Callable[[bytes], Decoded]:
    content_type = request.headers.get("content-type", "").lower()
    if "protobuf" in content_type:
        return zipkin_protobuf.decode
    if any(refused in content_type for refused in _REFUSED_TYPES):
        raise RefusedError(415, "unsupported_media_type", "application/json or application/x-protobuf")
    return _decode_json


def _decode_json(body: bytes) -> Decoded:
    trimmed = body.lstrip(_SPACE)
    if trimmed[:1] != b"[":
        raise DecodeError("malformed", "Expected a JSON_V2 encoded list")
    if zipkin.is_v1(trimmed):
        raise DecodeError("malformed", "Expected a JSON_V2 encoded list, but received: JSON_V1")
    return zipkin_json.decode(trimmed)


def refusal(refused: RefusedError) -> Response:
    """The answer to a refused request, as text."""
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after else None
    return PlainTextResponse(refused.detail[:1_000] or refused.error, refused.status, headers)
