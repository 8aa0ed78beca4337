"""Kafka's record batches inflated within a bound: a megabyte may hold a gigabyte of nothing.

Codes and framing are those of Kafka's record batch, version 2. Snappy comes in the frame of
the Java library (xerial): a head of 16 bytes, then blocks with their length before them.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import lz4.frame
import snappy
import zstandard

_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEAD: Final = 16
_GZIP_WINDOW: Final = 31
"""zlib: the largest window, with a gzip header."""
_ZSTD_WINDOW: Final = 64 * 1024 * 1024
_ZSTD_STEP: Final = 1024
_VARINT_BYTES: Final = 5


class InflateError(ValueError):
    """What the batch holds cannot be had: unknown codec, broken, or too large."""


def inflate(codec: int, data: bytes, most: int) -> bytes:
    """The records of a batch, at most ``most`` bytes. Raises :class:`InflateError`."""
    work = _CODECS.get(codec)
    if work is None:
        raise InflateError(f"codec {codec} is not known")
    name, inflated = work
    try:
        found = inflated(data, most)
    except InflateError:
        raise
    except Exception as error:
        raise InflateError(f"{name}: {error}") from error
    if len(found) > most:
        raise InflateError(f"{name}: {len(data)} bytes inflate to more than {most}")
    return found


def _gzip(data: bytes, most: int) -> bytes:
    work = zlib.decompressobj(_GZIP_WINDOW)
    found = work.decompress(data, most + 1)
    if not work.eof and len(found) <= most:
        raise InflateError("gzip: it ends too early")
    return found


def _lz4(data: bytes, most: int) -> bytes:
    work = lz4.frame.LZ4FrameDecompressor()
    found: bytes = work.decompress(data, most + 1)
    if not work.eof and len(found) <= most:
        raise InflateError("lz4: it ends too early")
    return found


def _zstd(data: bytes, most: int) -> bytes:
    """In small steps: the library bounds no step by itself, and a block of four bytes may hold 128 KiB."""
    work = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
    found, size = [], 0
    for at in range(0, len(data), _ZSTD_STEP):
        found.append(work.decompress(data[at : at + _ZSTD_STEP]))
        size += len(found[-1])
        if work.eof or size > most:
            break
    if not work.eof and size <= most:
        raise InflateError("zstd: it ends too early")
    return b"".join(found)


def _snappy(data: bytes, most: int) -> bytes:
    if not data.startswith(_XERIAL):
        return _snappy_block(data, most)
    found, size, at = [], 0, _XERIAL_HEAD
    while at < len(data) and size <= most:
        (length,) = struct.unpack_from(">i", data, at)
        block = data[at + 4 : at + 4 + length]
        if length <= 0 or len(block) < length:
            raise InflateError("snappy: it ends too early")
        found.append(_snappy_block(block, most - size))
        size += len(found[-1])
        at += 4 + length
    return b"".join(found)


def _snappy_block(block: bytes, most: int) -> bytes:
    """One block; it says its size in its first bytes, so that a large one is refused unopened."""
    size = shift = 0
    for byte in block[:_VARINT_BYTES]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if size > most:
        raise InflateError(f"snappy: {len(block)} bytes inflate to {size}")
    return bytes(snappy.uncompress(block))


_CODECS: Final[Mapping[int, tuple[str, Callable[[bytes, int], bytes]]]] = {
    1: ("gzip", _gzip),
    2: ("snappy", _snappy),
    3: ("lz4", _lz4),
    4: ("zstd", _zstd),
}
