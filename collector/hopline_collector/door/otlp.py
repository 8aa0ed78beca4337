"""OTLP over HTTP: ``POST /v1/traces``, protobuf or JSON, answered in the request's encoding.

The rules are those of https://opentelemetry.io/docs/specs/otlp/#otlphttp: what is refused
of a request is told as partial success and must not be sent again; errors are a
``google.rpc.Status``; 429 and 503 ask the sender to come again.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from hopline_collector.block import kept_times
from hopline_collector.door import foreign
from hopline_collector.door.bodies import Gate, RefusedError, batch_id_of, read_body
from hopline_collector.door.intake import Intake
from hopline_collector.formats import Decoded, DecodeError, otlp_json, otlp_protobuf
from hopline_collector.formats.decoded import Refused
from hopline_collector.formats.proto import message_classes
from hopline_collector.metrics import Metrics
from hopline_collector.sources.journal import Batch

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"

_Status: Final = message_classes("hopline.rpc", "Status: int32 code=1; string message=2")["Status"]
_CODES: Final = {400: 3, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
"""HTTP status -> code of google.rpc.Code."""


_NAMED: Final = 20
"""Refused spans that an answer names."""


def add_routes(
    router: APIRouter, intake: Intake, metrics: Metrics, gate: Gate, *, clock: Callable[[], int], max_bytes: int
) -> None:
    """Add ``POST /v1/traces`` to ``router``. ``clock`` gives microseconds since the epoch."""

    @router.post("/v1/traces", summary="Store OpenTelemetry spans", response_model=None)
    async def post_traces(request: Request) -> Response:
        """Take an `ExportTraceServiceRequest`, as protobuf or JSON."""
        encoding = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if encoding not in (JSON, PROTOBUF):
                raise RefusedError(415, "unsupported_media_type", f"supported: {JSON}, {PROTOBUF}")
            batch_id = batch_id_of(request)
            body = await read_body(request, max_bytes, gate)
            try:
                keeping = kept_times.chosen(intake, request)
                answer = await run_in_threadpool(take, keeping, encoding, body, batch_id, clock())
            finally:
                gate.leave(len(body))
            response = Response(answer, 200, media_type=encoding)
        except RefusedError as refused:
            response = _refusal(refused, encoding)
        except ClientDisconnect:
            response = _refusal(RefusedError(400, "disconnected"), encoding)
        metrics.request("otlp", response.status_code)
        return response


def take(intake: Intake, encoding: str, body: bytes, batch_id: str, now_us: int) -> bytes:
    """Make the spans of a request durable; the answer in its encoding. Raises :class:`RefusedError`."""
    now = now_us // 1_000_000
    known = foreign.answered(intake, batch_id, now)
    if known is not None:
        return known
    foreign.check_weight("otlp", body)
    try:
        decoded = otlp_json.decode(body.strip() or b"{}") if encoding == JSON else otlp_protobuf.decode(body)
    except DecodeError as error:
        raise RefusedError(400, error.reason, error.detail) from error
    answer = _answer(decoded, encoding)
    foreign.store(intake, foreign.entries(decoded, "otlp"), Batch(batch_id, answer, now) if batch_id else None)
    return answer


def _answer(decoded: Decoded, encoding: str) -> bytes:
    """An ``ExportTraceServiceResponse``; partial success only where something was refused."""
    rejected = len(decoded.refused)
    if not rejected:
        return b"{}" if encoding == JSON else b""
    message = _named(decoded.refused)
    if encoding == JSON:
        return msgspec.json.encode({"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": message}})
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    return response.SerializeToString()


def _named(refused: Sequence[Refused]) -> str:
    """What was refused, each with its place and the reason."""
    told = [f"span {bad.index}: {bad.reason}: {bad.detail[:200]}" for bad in refused[:_NAMED]]
    more = len(refused) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])])


def _refusal(refused: RefusedError, encoding: str) -> Response:
    """A ``google.rpc.Status`` in the request's encoding, JSON where that is neither."""
    code = _CODES.get(refused.status, 2)
    message = (refused.detail or refused.error)[:1_000]
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after else None
    if encoding == PROTOBUF:
        body = _Status(code=code, message=message.encode("utf-8", "replace").decode()).SerializeToString()
        return Response(body, refused.status, headers, media_type=PROTOBUF)
    return Response(msgspec.json.encode({"code": code, "message": message}), refused.status, headers, media_type=JSON)
