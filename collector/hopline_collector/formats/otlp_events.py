"""Events of an OTLP span, to the annotations of a row."""

from collections.abc import Mapping
from typing import Final

import msgspec

from hopline_collector.formats.decoded import WireAnnotation
from hopline_collector.formats.typed import native

DROPPED: Final = "dropped_attributes_count"


class Event(msgspec.Struct, gc=False):
    """A timed note."""

    at_us: int
    name: str
    attributes: dict[str, str]
    dropped: int = 0


def annotations(events: list[Event]) -> list[WireAnnotation]:
    """The annotations of these events."""
    return [(event.at_us, event.name, _text(event)) for event in events]


def _text(event: Event) -> str:
    found = event.attributes
    return event_text(event.name, {**found, DROPPED: str(event.dropped)} if event.dropped else found)


def event_text(name: str, found: Mapping[str, str]) -> str:
    """The value of an event's annotation: a plain exception as text, its one message, or the attributes as JSON."""
    if not found:
        return ""
    if name == "exception" and _EXCEPTION.issuperset(found) and (text := _exception(found)):
        return text
    if len(found) == 1 and name != "exception" and type(found.get("message")) is str:
        return found["message"]
    return msgspec.json.encode(native(found)).decode("utf-8", "replace")


def _exception(found: Mapping[str, str]) -> str:
    """`type: message` and the stack below it; empty where these would not be told apart again."""
    parts = [found[key] for key in (KIND, MESSAGE, STACK) if key in found]
    kind, message, stack = found.get(KIND, ""), found.get(MESSAGE, ""), found.get(STACK, "")
    if not kind or ": " in kind or "\n" in kind + message or any(type(part) is not str or not part for part in parts):
        return ""
    head = f"{kind}: {message}" if message else kind
    return f"{head}\n{stack}" if stack else head


KIND, MESSAGE, STACK = "exception.type", "exception.message", "exception.stacktrace"
_EXCEPTION: Final = frozenset({KIND, MESSAGE, STACK, "exception.escaped"})
"""What the text of an exception is made of, and what nobody reads of it."""
