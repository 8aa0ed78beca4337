"""OTLP attributes in protobuf: taken apart once for each distinct one.

Attributes repeat from span to span, so they are read as byte strings and looked up;
ten then cost less than one did. A key whose values seldom repeat is told by its misses,
and its values are no longer remembered.
"""

from collections.abc import Iterable
from typing import Any, Final

from opentelemetry.proto.common.v1 import common_pb2

from hopline_collector.formats.shapes import SCAN_ONLY
from hopline_collector.formats.typed import text

_KNOWN_BYTES: Final = 127
"""Longer ones are not remembered; in these every length is one byte."""

_KNOWN_MOST: Final = 65_536
_MISSES_MOST: Final = 2_048
_KEYS_MOST: Final = 4_096

# Tags of the wire, each followed by a length: the key, the value, and its text.
_KEY: Final = 0x0A
_HEADS: Final = tuple(bytes((0x12, size + 2, 0x0A, size)) for size in range(_KNOWN_BYTES + 1))
"""What stands before a text of so many bytes."""


class _Key:
    """What is known of a key."""

    __slots__ = ("misses", "text")

    def __init__(self, key: str) -> None:
        self.text = key
        self.misses = _MISSES_MOST if key in SCAN_ONLY else 0


class _Known(dict[bytes, tuple[str, str]]):
    """Encoded attribute -> (key, text). A dictionary that calls us for what it does not hold. About 30 MB at most."""

    def __missing__(self, raw: bytes) -> tuple[str, str]:
        """The attribute taken apart. Raises ProtobufError for what is none."""
        size = len(raw)
        if not 2 < size <= _KNOWN_BYTES:
            return _parsed(raw)
        at = raw[1] + 2
        key = _keys.get(raw[:at])
        if key is None:
            return _met_first(raw)
        found = ""
        if size > at + 4 and raw.startswith(_HEADS[size - at - 4], at):
            try:
                found = raw[at + 4 :].decode()
            except UnicodeDecodeError:
                return _parsed(raw)
        pair = (key.text, found) if found else _parsed(raw)
        if key.misses < _MISSES_MOST:
            key.misses += 1
            if len(self) >= _KNOWN_MOST:
                self.clear()
            self[raw] = pair
        return pair


def _met_first(raw: bytes) -> tuple[str, str]:
    pair = _parsed(raw)
    name = pair[0].encode()
    head = bytes((_KEY, len(name))) + name
    if raw.startswith(head):
        if len(_keys) >= _KEYS_MOST:
            _keys.clear()
        _keys[head] = _Key(pair[0])
    return pair


_known: Final = _Known()
_keys: Final[dict[bytes, _Key]] = {}
"""Encoded key -> what is known of it."""
_text_and_key: Final = _known.__getitem__


def attributes(raws: Iterable[bytes]) -> dict[str, str]:
    """Texts by key; raises ProtobufError for an attribute that is none."""
    return dict(map(_text_and_key, raws))


def _parsed(raw: bytes) -> tuple[str, str]:
    attribute = common_pb2.KeyValue.FromString(raw)
    value = attribute.value
    return attribute.key, value.string_value or text(_value(value))


def _value(value: Any, depth: int = 0) -> Any:
    """The Python value of an ``AnyValue``; what is nested too deep is left out."""
    which = value.WhichOneof("value")
    if which is None or depth > 16:
        return None
    found = getattr(value, which)
    if which == "array_value":
        return [_value(item, depth + 1) for item in found.values]
    if which == "kvlist_value":
        return {item.key: _value(item.value, depth + 1) for item in found.values}
    return found
