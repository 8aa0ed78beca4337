"""Annotations as the events that they were (hopline_collector.formats.otlp_events)."""

from typing import Any, Final

import msgspec

EXCEPTION: Final = "exception"
DROPPED: Final = "dropped_attributes_count"
"""Member of an event's attributes that says how many its sender left out."""


def attributes_of(name: str, value: str) -> dict[str, Any]:
    """What an annotation of this name says, as the attributes of an event; :data:`DROPPED` may be among them."""
    if not value:
        return {}
    told = _object(value)
    alone = name != EXCEPTION and told is not None and len(told) == 1 and isinstance(told.get("message"), str)
    if told and not alone and msgspec.json.encode(told).decode() == value:
        return told
    if name != EXCEPTION:
        return {"message": value}
    head, _, stack = value.partition("\n")
    kind, _, message = head.partition(": ")
    parts = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stack}
    return {key: text for key, text in parts.items() if text}


def _object(text: str) -> dict[str, Any] | None:
    """The object of a JSON text, None where it is none, or was cut."""
    if not text.startswith("{"):
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return None
