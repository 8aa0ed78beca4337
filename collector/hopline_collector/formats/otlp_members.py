"""Names that OTLP's JSON does not have, and for which spans would be lost in silence.

Unknown members are ignored, says the specification; but a body that yields nothing for their sake,
or a time that is spelt otherwise, is a mistake that its sender is told of.
"""

import re
from typing import Any, Final

import msgspec

from hopline_collector.formats.decoded import DecodeError

_PARTS: Final = (b'_spans"', b'_id"', b'_nano"')
_SNAKE: Final = re.compile(
    rb'"((?:resource|scope|instrumentation_library)_spans|(?:trace|span|parent_span)_id|(?:(?:start|end)_)?time_unix_nano)"\s*:'
)
_LEVELS: Final = (
    frozenset({"resourceSpans"}),
    frozenset({"resource", "scopeSpans", "instrumentationLibrarySpans", "schemaUrl"}),
    frozenset({"scope", "instrumentationLibrary", "spans", "schemaUrl"}),
)
"""Members of a request, of each of its ``resourceSpans``, and of each of their ``scopeSpans``."""

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items: Final = msgspec.json.Decoder(list[msgspec.Raw] | None)


def foreign_member(raw: bytes | msgspec.Raw) -> str | None:
    """The first name in snake_case that stands where OTLP has one in lowerCamelCase; None for none."""
    text = bytes(raw)
    found = _SNAKE.search(text) if any(part in text for part in _PARTS) else None
    return found[1].decode() if found else None


def in_camel_case(name: str) -> str:
    """What is said to the sender of a name in snake_case."""
    head, *rest = name.split("_")
    return f"members of OTLP's JSON are in lowerCamelCase: {head}{''.join(map(str.title, rest))}, not {name}"


def check_members(body: bytes, *, empty: bool) -> None:
    """Raise :class:`DecodeError` for a name in snake_case around the spans; of an ``empty`` request for any unknown."""
    try:
        unknown = _unknown(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise DecodeError("malformed", str(error)) from error
    for name in unknown:
        if foreign_member(f'"{name}":'.encode("utf-8", "replace")):
            raise DecodeError("malformed", in_camel_case(name))
        if empty:
            raise DecodeError("malformed", f"there is no span, and OTLP's traces have no member {name[:80]!r}")


def _unknown(body: bytes) -> list[str]:
    found: list[str] = []
    level: list[Any] = [body]
    for known in _LEVELS:
        below: list[Any] = []
        for raw in level:
            members = _members.decode(raw)
            found += [name for name in members if name not in known]
            for name in ("resourceSpans", "scopeSpans", "instrumentationLibrarySpans"):
                below += _items.decode(members[name]) or () if name in members else ()
        level = below
    return found
