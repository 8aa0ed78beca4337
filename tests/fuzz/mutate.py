"""Mutations that keep a body's shape: another value, key or element in a decoded JSON or MessagePack body.

Bytes changed at random seldom leave JSON whole, so they test the parser and little behind it.
"""

import json
import random
from collections.abc import Callable
from typing import Any

import msgspec

INTERESTING: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), 10**30, 0.5, -1e308, 1e300),
    *("", "0", "a", "\0", "\ud800", "\u202e", "x" * 300, "é" * 200, "-1", "1e9", "0.1.2", "~", "." * 200, "9" * 40),
    *("6921c0de0123456789abcdef01234567", "00f067aa0ba902b7", "0" * 32, "0" * 16, "G" * 16, "AAAA", "true"),
    *([], {}, [[]], [None], {"": ""}, {"a": None}, [1, "a", "b"], {"key": "a", "value": {}}, ["a"] * 70),
)
BYTES: tuple[Any, ...] = (*INTERESTING, b"", b"\0" * 16, b"\1" * 16, b"\xff" * 8)
DEEPEST = 6

Parse = Callable[[bytes], Any]
Dump = Callable[[Any], bytes]


def mutated(body: bytes, encoding: str, seed: int) -> bytes | None:
    """`body` with one to four changes inside; None where it cannot be taken apart or put together."""
    parse, dump = _CODECS[encoding]
    source = random.Random(seed)
    try:
        root = [parse(body)]
        for _ in range(source.randint(1, 4)):
            _change(root, source, BYTES if encoding == "msgpack" else INTERESTING)
        return dump(root[0])
    except (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None


def _change(root: list[Any], source: random.Random, values: tuple[Any, ...]) -> None:
    """Change one place, found by going down at random."""
    holder: Any = root
    for _ in range(source.randint(1, DEEPEST)):
        key = _any_key(holder, source)
        if key is None or not isinstance(holder[key], list | dict) or not holder[key]:
            break
        holder = holder[key]
    key = _any_key(holder, source)
    if key is None:
        return
    match source.randrange(5):
        case 0 if holder is not root:
            del holder[key]
        case 1 if isinstance(holder, list) and holder is not root:
            holder.insert(key, holder[key])
        case 2 if isinstance(holder, dict):
            holder[source.choice(("", "a", "id", "x" * 200, "\0"))] = holder[key]
        case _:
            holder[key] = source.choice(values)


def _any_key(holder: Any, source: random.Random) -> Any:
    if not holder:
        return None
    return source.randrange(len(holder)) if isinstance(holder, list) else source.choice(list(holder))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _msgpack(body: bytes) -> Any:
    return msgspec.msgpack.decode(body, strict=False)


_CODECS: dict[str, tuple[Parse, Dump]] = {
    "json": (json.loads, _json),
    "msgpack": (_msgpack, msgspec.msgpack.encode),
}
