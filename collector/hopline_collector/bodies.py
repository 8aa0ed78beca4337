"""Reading the body of a request within bounds: inflated size, time, and bytes of all bodies at once."""

import asyncio
import zlib
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

BATCH_HEADER: Final = "hopline-batch-id"

_CHUNK_SECONDS: Final = 10.0
_BODY_SECONDS: Final = 30.0
_MEMBERS_MOST: Final = 1_000
"""Each member copies what follows it: an empty one is 20 bytes, and a million of them would take minutes."""
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
    if encoding not in {"identity", "gzip", ""}:
        raise RefusedError(415, "unsupported_encoding", "gzip or none")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            raw = await _read(request, max_bytes, gate)
    except TimeoutError as error:
        raise RefusedError(408, "too_slow", "the body did not come in time") from error
    try:
        body = await run_in_threadpool(inflate, raw, max_bytes) if encoding == "gzip" else raw
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
                raise _too_large(max_bytes)
            parts.append(part)
    except BaseException:
        gate.leave(size)
        raise


def inflate(raw: bytes, max_bytes: int) -> bytes:
    """Gunzip every member, giving up as soon as the result would be larger than ``max_bytes``.

    Raises :class:`RefusedError`. What follows the last member must be nothing (RFC 1952).
    """
    parts: list[bytes] = []
    room = max_bytes
    while raw or not parts:
        part, raw = _inflate_member(raw, room)
        room -= len(part)
        if room < 0:
            raise _too_large(max_bytes)
        parts.append(part)
        if len(parts) > _MEMBERS_MOST:
            raise RefusedError(400, "bad_gzip", f"more than {_MEMBERS_MOST} members")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflate_member(raw: bytes, room: int) -> tuple[bytes, bytes]:
    """At most ``room`` + 1 inflated bytes of the first member, and what follows it."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        part = inflater.decompress(raw, room + 1)
    except zlib.error as error:
        raise RefusedError(400, "bad_gzip", str(error)) from error
    if len(part) <= room and not inflater.eof:
        raise RefusedError(400, "bad_gzip", "the stream ends too early")
    return part, inflater.unused_data


def _too_large(max_bytes: int) -> RefusedError:
    return RefusedError(413, "too_large", f"at most {max_bytes} bytes, inflated")


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
