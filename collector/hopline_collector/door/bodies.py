"""Reading the body of a request within bounds: inflated size, time, and bytes of all bodies at once."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from hopline_collector.door import encodings
from hopline_collector.door.encodings import RefusedError, too_large

__all__ = ["Gate", "RefusedError", "batch_id_of", "checked_batch_id", "read_body", "refusal"]

BATCH_HEADER: Final = "hopline-batch-id"

_CHUNK_SECONDS: Final = 10.0
_BODY_SECONDS: Final = 30.0
_IN_FLIGHT_BYTES: Final = 128 * 1024 * 1024


@dataclass(slots=True)
class Gate:
    """Bytes of bodies that are being read or stored at this moment."""

    bytes: int = 0

    def enter(self, size: int) -> None:
        """Count ``size`` bytes in. Raises :class:`RefusedError` with 429 when there are too many."""
        if self.bytes + size > _IN_FLIGHT_BYTES:
            raise RefusedError(429, "busy", "too many bytes are being taken in", 1)
        self.bytes += size

    def leave(self, size: int) -> None:
        """Count ``size`` bytes out."""
        self.bytes -= size


async def read_body(request: Request, max_bytes: int, gate: Gate) -> bytes:
    """The inflated body, counted in ``gate`` until the caller counts it out.

    Raises :class:`RefusedError` for what is too large, too slow or not to be inflated.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in encodings.INFLATERS and encoding not in {"identity", ""}:
        raise RefusedError(415, "unsupported_encoding", f"{', '.join(encodings.INFLATERS)} or none")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large(max_bytes)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            raw = await _read(request, max_bytes, gate)
    except TimeoutError as error:
        raise RefusedError(408, "too_slow", "the body did not come in time") from error
    try:
        unpack = encodings.INFLATERS.get(encoding)
        body = await run_in_threadpool(unpack, raw, max_bytes) if unpack else raw
        gate.enter(len(body) - len(raw))
    except RefusedError:
        gate.leave(len(raw))
        raise
    return body


async def _read(request: Request, max_bytes: int, gate: Gate) -> bytes:
    """The bytes as they were sent, counted in ``gate`` as they come: a body that never ends takes room too."""
    parts: list[bytes] = []
    size = 0
    stream = aiter(request.stream())
    try:
        while True:
            try:
                async with asyncio.timeout(_CHUNK_SECONDS):
                    part = await anext(stream)
            except StopAsyncIteration:
                return b"".join(parts)
            gate.enter(len(part))
            size += len(part)
            if size > max_bytes:
                raise too_large(max_bytes)
            parts.append(part)
    except BaseException:
        gate.leave(size)
        raise


def batch_id_of(request: Request) -> str:
    """The batch id of a post, or "". Raises :class:`RefusedError` for one that is none."""
    return checked_batch_id(request.headers.get(BATCH_HEADER, ""))


def checked_batch_id(batch_id: str) -> str:
    """The batch id as it came. Raises :class:`RefusedError` for one that is none."""
    if batch_id and not (len(batch_id) <= 128 and batch_id.isascii() and batch_id.isprintable()):
        raise RefusedError(400, "bad_batch_id", "1 to 128 printable characters")
    return batch_id


def refusal(refused: RefusedError) -> Response:
    """The JSON answer of the native receiver to a refused request."""
    content: dict[str, Any] = {"error": refused.error}
    if refused.detail:
        content["detail"] = refused.detail[:1_000]
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after else None
    return Response(msgspec.json.encode(content), refused.status, headers, media_type="application/json")
