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
    """The value of an event's annotation: what the exception was, its one message, or the attributes as JSON."""
    if not found:
        return ""
    if name == "exception" and _EXCEPTION.issuperset(found):
        head = ": ".join(filter(None, (found.get("exception.type"), found.get("exception.message"))))
        return str("\n".join(filter(None, (head, found.get("exception.stacktrace")))))
    if len(found) == 1 and name != "exception" and type(found.get("message")) is str:
        return found["message"]
    return msgspec.json.encode(native(found)).decode("utf-8", "replace")


_EXCEPTION: Final = frozenset({"exception.type", "exception.message", "exception.stacktrace", "exception.escaped"})
"""What the text of an exception is made of, and what nobody reads of it."""
