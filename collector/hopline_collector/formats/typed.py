"""The types of OTLP's attribute values, beside the texts that we store.

Decoders give a text that was no string a type of its own; :func:`types_of` takes the types
off again, so that an export can give back what was sent: `1` and `"1"` differ.
"""

import base64
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Final

import msgspec

from hopline_collector.formats.mapping import not_finite, text_of

TYPES: Final = "otel.types"
"""Attr with the types of attributes that are no strings: a JSON object, key to name of the type."""


class Typed(str):
    """The text of a value that is no string. ``kind`` is the name of its type."""

    __slots__ = ()
    kind: ClassVar[str]


class _Int(Typed):
    kind = "int"


class _Double(Typed):
    kind = "double"


class _Bool(Typed):
    kind = "bool"


class _Bytes(Typed):
    kind = "bytes"


class _Array(Typed):
    kind = "array"


class _Map(Typed):
    kind = "kvlist"


class _Empty(Typed):
    kind = "empty"


_TYPES: Final[dict[type, type[Typed]]] = {
    int: _Int, float: _Double, bool: _Bool, list: _Array, dict: _Map, bytes: _Bytes, type(None): _Empty
}  # fmt: skip
_STRING: Final = frozenset({str})


def text(value: Any) -> str:
    """An attribute's value as text that knows its type; a string stays as it is. Bytes become base64."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return _Bytes(base64.b64encode(value).decode())
    return _TYPES[type(value)](text_of(plain(value)))


def plain(value: Any) -> Any:
    """A value as JSON can hold it: bytes in base64, numbers that are none as the words for them."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return not_finite(value) if isinstance(value, float) and not math.isfinite(value) else value


def native(found: Mapping[str, str]) -> dict[str, Any]:
    """Attributes as a JSON object: numbers and what is made of them as they are, the rest as text."""
    return {key: _native(value) for key, value in found.items()}


def _native(value: str) -> Any:
    match value:
        case _Empty():
            return None
        case _Int() | _Bool() | _Array() | _Map():
            return msgspec.json.decode(str(value))
        case _Double():
            return float(value) if math.isfinite(float(value)) else str(value)
    return str(value)


def types_of(found: dict[str, str]) -> dict[str, str]:
    """The types by key of what is no string in ``found``, whose values become ordinary texts."""
    if _STRING.issuperset(map(type, found.values())):
        return {}
    types = {}
    for key, value in found.items():
        if isinstance(value, Typed):
            types[key] = value.kind
            found[key] = str(value)
    return types


def marker(types: Mapping[str, str]) -> str:
    """The types as they stand in attr :data:`TYPES`."""
    return _marker(tuple(types.items()))


@lru_cache(maxsize=4_096)
def _marker(types: tuple[tuple[str, str], ...]) -> str:
    return msgspec.json.encode(dict(types)).decode("utf-8", "replace")
