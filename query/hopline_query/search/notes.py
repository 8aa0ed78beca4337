"""What annotations say under a key: attributes of OTLP's events, fields of Jaeger's logs, Zipkin's texts `key=value`.

The collector keeps the attributes of an event as JSON, and a plain exception as text
(hopline_collector.formats.otlp_events). They are looked for as they stand there, members of a JSON object at any
depth. Stated once, for SQL and for rows in memory.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec

EXCEPTION: Final = "exception"
KIND, MESSAGE, STACK = "exception.type", "exception.message", "exception.stacktrace"
PARTS: Final = {KIND: "", MESSAGE: ": ", STACK: "\n"}
"""What the text of a plain exception is made of, and the sign before each: `type: message`, then the stack."""

TEXT: Final = "message"
"""Key of a text that is too long for a key, and of an event's only words."""

Bind = Callable[[Any, str], str]
"""A placeholder for a value of a type of the engine."""


def says(note: tuple[str, str], key: str, value: str) -> bool:
    """True where the annotation, its key and its value, says ``value`` under ``key``."""
    head, text = note
    return (
        note in _pairs(key, value)
        or (key == TEXT and text == value != "" and head != EXCEPTION)
        or (text.startswith("{") and any(member in text for member in _members(key, value)))
        or (head == EXCEPTION and key in PARTS and _tells(text, key, value))
    )


def names(note: tuple[str, str], key: str) -> bool:
    """True where the annotation is called ``key``, has that text, or says something under that key."""
    head, text = note
    begin = f"{key}="
    return (
        key in note
        or (head.startswith(begin) and not text)
        or (head == TEXT and text.startswith(begin))
        or (text.startswith("{") and any(member in text for member in _keys(key)))
        or (head == EXCEPTION and bool(text) and key in PARTS and PARTS[key] in text)
        or (head != EXCEPTION and bool(text) and key == TEXT)
    )


def says_sql(bind: Bind, key: str, value: str) -> str:
    """SQL of :func:`says` for some annotation of a row."""
    found = [f"(a.2, a.3) IN ({', '.join(f'({_text(bind, k)}, {_text(bind, v)})' for k, v in _pairs(key, value))})"]
    found.append(_inside(bind, _members(key, value)))
    if key == TEXT and value:
        found.append(f"a.2 != '{EXCEPTION}' AND a.3 = {_text(bind, value)}")
    if key in PARTS and value:
        found.append(f"a.2 = '{EXCEPTION}' AND {_tells_sql(bind, key, value)}")
    return _some(found)


def names_sql(bind: Bind, key: str) -> str:
    """SQL of :func:`names` for some annotation of a row."""
    asked, begin = _text(bind, key), _text(bind, f"{key}=")
    found = [f"a.2 = {asked}", f"a.3 = {asked}", f"startsWith(a.2, {begin}) AND a.3 = ''"]
    found += [f"a.2 = '{TEXT}' AND startsWith(a.3, {begin})", _inside(bind, _keys(key))]
    if key == TEXT:
        found.append(f"a.2 != '{EXCEPTION}' AND a.3 != ''")
    if key in PARTS:
        found.append(f"a.2 = '{EXCEPTION}' AND a.3 != '' AND position(a.3, {_text(bind, PARTS[key])}) > 0")
    return _some(found)


def _text(bind: Bind, value: str) -> str:
    return bind(value, "String")


def _some(alternatives: list[str]) -> str:
    return f"arrayExists(a -> {' OR '.join(alternatives)}, annotations)"


def _inside(bind: Bind, members: tuple[str, ...]) -> str:
    return f"startsWith(a.3, '{{') AND multiSearchAny(a.3, {bind(list(members), 'Array(String)')})"


@lru_cache(maxsize=1_024)
def _pairs(key: str, value: str) -> tuple[tuple[str, str], ...]:
    """Keys and values of annotations that are read as `key=value`."""
    pair = f"{key}={value}"
    found = [(pair, ""), (TEXT, pair)]
    return tuple([(key, value), *found] if value else found)


@lru_cache(maxsize=1_024)
def _members(key: str, value: str) -> tuple[str, ...]:
    """How a JSON object holds the value under the key: as text, and as the number, flag or list that it spells."""
    spelt = [_json(value), *([value] if _is_json(value) else [])]
    return tuple(begin + text + end for begin in _keys(key) for text in spelt for end in ",}")


@lru_cache(maxsize=1_024)
def _keys(key: str) -> tuple[str, ...]:
    return tuple(f"{before}{_json(key)}:" for before in "{,")


def _json(text: str) -> str:
    return msgspec.json.encode(text.encode("utf-8", "replace").decode()).decode()


def _is_json(text: str) -> bool:
    try:
        return not isinstance(msgspec.json.decode(text), str)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return False


def _tells(text: str, key: str, value: str) -> bool:
    """Whether the text of an exception holds this part. Messages of several lines end where any line does."""
    if not value:
        return False
    if key == STACK:
        return text.endswith(f"\n{value}")
    if key == KIND:
        return text.startswith((f"{value}: ", f"{value}\n")) or text == value
    _, colon, rest = text.partition(": ")
    return bool(colon) and f"{rest}\n".startswith(f"{value}\n")


def _tells_sql(bind: Bind, key: str, value: str) -> str:
    if key == STACK:
        last = f"\n{value}"
        return f"endsWith(a.3, {_text(bind, last)})"
    first, colon = f"{value}\n", "position(a.3, ': ')"
    if key == KIND:
        typed = f"{value}: "
        return f"(startsWith(a.3, {_text(bind, typed)}) OR startsWith({_line('a.3')}, {_text(bind, first)}))"
    return f"{colon} > 0 AND startsWith({_line(f'substring(a.3, {colon} + 2)')}, {_text(bind, first)})"


def _line(sql: str) -> str:
    return f"concat({sql}, '\\n')"
