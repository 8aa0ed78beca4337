"""Fields of a protobuf body, counted without making a message of any.

https://protobuf.dev/programming-guides/encoding/: a field is a key (number and wire
type) and a value; a nested message is a value with a length before it.
"""

from typing import Final

Messages = dict[int, "Messages"]
"""Number of a field that is a message -> the same of that message."""

_DEPTH_MOST: Final = 100
"""Decoders refuse what is nested deeper."""

_ANY: Final[Messages] = {}
_ATTRIBUTE: Final[Messages] = {2: _ANY}
_ANY.update({5: {1: _ANY}, 6: {1: _ATTRIBUTE}})
_SPAN: Final[Messages] = {9: _ATTRIBUTE, 11: {3: _ATTRIBUTE}, 13: {4: _ATTRIBUTE}, 15: {}}

OTLP: Final[Messages] = {1: {1: {1: _ATTRIBUTE}, 2: {1: {3: _ATTRIBUTE}, 2: _SPAN}}}
"""Of an ``ExportTraceServiceRequest``."""

ZIPKIN: Final[Messages] = {1: {8: {}, 9: {}, 10: {}, 11: {}}}
"""Of a ``ListOfSpans``."""


def count(body: bytes, known: Messages, most: int) -> int:
    """Fields at whatever depth, one that is a message as three; ends soon after ``most``.

    Raises IndexError or ValueError for what is no protobuf.
    """
    return _count(body, (0, len(body)), known, most, 0)


def _count(body: bytes, part: tuple[int, int], known: Messages, most: int, depth: int) -> int:
    at, end = part
    found = 0
    while at < end and found <= most:
        key, at = _varint(body, at)
        wire, found = key & 7, found + 1
        if wire == 0:
            _, at = _varint(body, at)
        elif wire == 2:
            size, at = _varint(body, at)
            inner = known.get(key >> 3)
            if inner is not None:
                found += 2
                if inner and size and depth < _DEPTH_MOST:
                    found += _count(body, (at, at + size), inner, most - found, depth + 1)
            at += size
        elif wire in _FIXED:
            at += _FIXED[wire]
        else:
            raise ValueError(f"wire type {wire}")
    return found


_FIXED: Final = {1: 8, 5: 4}


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """The number, and where it ends."""
    number = body[at]
    at += 1
    if number < 128:
        return number, at
    number, shift = number & 127, 7
    while True:
        byte = body[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
