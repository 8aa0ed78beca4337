"""Attribute values as OTLP's JSON spells them."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Json = dict[str, Any]

NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})


def attributes(values: Mapping[str, Any]) -> list[Json]:
    """Key and value pairs."""
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def any_value(value: Any, kind: str = "") -> Json:
    """An ``AnyValue`` of a value of JSON; ``kind`` names the types that JSON has no values for."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, str):
        if kind == "bytes":
            return {"bytesValue": value}
        return {"doubleValue": value} if kind == "double" and value in NO_NUMBERS else {"stringValue": value}
    if isinstance(value, int):
        return {"doubleValue": value} if kind == "double" else {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": attributes(value)}}
    return {}


def typed_value(text: str, kind: str) -> Json:
    """An ``AnyValue`` of a stored text and the type that it had; a string where the text was cut."""
    read = READ.get(kind)
    if read is None:
        return {"stringValue": text}
    try:
        return read(text)
    except ValueError:
        return {"stringValue": text}


def _integer(text: str) -> Json:
    return {"intValue": str(int(text))}


def _double(text: str) -> Json:
    return {"doubleValue": text if text in NO_NUMBERS else float(text)}


def _boolean(text: str) -> Json:
    return {"boolValue": text == "true"}


def _nested(text: str) -> Json:
    return any_value(msgspec.json.decode(text))


READ: dict[str, Callable[[str], Json]] = {
    "int": _integer,
    "double": _double,
    "bool": _boolean,
    "bytes": lambda text: {"bytesValue": text},
    "array": _nested,
    "kvlist": _nested,
    "empty": lambda _: {},
}
"""Name of a type (hopline_collector.formats.typed) -> its reader."""
