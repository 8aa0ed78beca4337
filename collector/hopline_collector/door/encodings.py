"""Content encodings of posted bodies, inflated within a bound: gzip, deflate and zstd."""

import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

_MEMBERS_MOST: Final = 1_000
"""Each member copies what follows it: an empty one is 20 bytes, and a million of them would take minutes."""


class RefusedError(Exception):
    """A request that gets an error status."""

    def __init__(self, status: int, error: str, detail: str = "", retry_after: int = 0) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.detail = detail
        self.retry_after = retry_after


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
            raise too_large(max_bytes)
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


def undeflate(raw: bytes, max_bytes: int) -> bytes:
    """Inflate ``deflate``: zlib's format (RFC 9110), or the bare stream that some clients send. Raises RefusedError."""
    # Two bytes tell zlib's format: a multiple of 31 that names the method.
    wrapped = len(raw) > 1 and raw[0] & 15 == zlib.DEFLATED and int.from_bytes(raw[:2], "big") % 31 == 0
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
    try:
        found = inflater.decompress(raw, max_bytes + 1)
    except zlib.error as error:
        raise RefusedError(400, "bad_deflate", str(error)) from error
    if len(found) > max_bytes:
        raise too_large(max_bytes)
    if not inflater.eof or inflater.unused_data:
        raise RefusedError(400, "bad_deflate", "the stream ends too early, or something follows it")
    return found


def unzstd(raw: bytes, max_bytes: int) -> bytes:
    """Inflate zstd (RFC 8878), all frames. Raises RefusedError."""
    # Loaded by the first such body: most servers never see one.
    zstandard: Any = import_module("zstandard")
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    frame, size = decompressor.decompressobj(), 0
    parts: list[bytes] = []
    # A block of four bytes may hold 128 KiB: in small pieces little is inflated before the bound is seen.
    for start in range(0, len(raw), _PIECE_BYTES):
        piece = raw[start : start + _PIECE_BYTES]
        while piece:
            frame = decompressor.decompressobj() if frame.eof else frame
            try:
                parts.append(frame.decompress(piece))
            except zstandard.ZstdError as error:
                raise RefusedError(400, "bad_zstd", str(error)) from error
            size += len(parts[-1])
            if size > max_bytes:
                raise too_large(max_bytes)
            piece = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise RefusedError(400, "bad_zstd", "the stream ends too early")
    return b"".join(parts)


_PIECE_BYTES: Final = 512

_WINDOW_BYTES: Final = 8 * 1024 * 1024
"""What RFC 8878 asks every decoder to support; a larger window is a claim on our memory."""

INFLATERS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "gzip": inflate,
    "x-gzip": inflate,
    "deflate": undeflate,
    "zstd": unzstd,
}
"""Content encoding -> what inflates it, given the most bytes that may come out."""


def too_large(max_bytes: int) -> RefusedError:
    """The refusal of a body that is larger than this when inflated."""
    return RefusedError(413, "too_large", f"at most {max_bytes} bytes, inflated")
