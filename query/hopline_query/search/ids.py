"""Anything people paste, turned into what it names: a trace, a user, a filter."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import unquote, urlsplit

TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}(?:-[0-9a-f]{2}.*)?", re.IGNORECASE)
B3 = re.compile(r"(?:b3:\s*)?([0-9a-f]{32}|[0-9a-f]{16})-[0-9a-f]{16}(?:-[01d](?:-[0-9a-f]{16})?)?", re.IGNORECASE)
HEX = re.compile(r"[0-9a-f]{1,32}", re.IGNORECASE)
UUID = re.compile(r"[({]?(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[)}]?", re.IGNORECASE)
OPAQUE = re.compile(r"[0-9A-Za-z._-]{1,64}")
TRACE_URL = re.compile(r"/(?:zipkin/)?(?:api/(?:v[123]/)?)?traces?/([^/?#]+)")
USERS = "/users/"
HEADER = re.compile(r"(?:traceparent|b3|x-b3-traceid|hopline-trace-id|trace[-_ ]?id)\s*[:=]\s*", re.IGNORECASE)
FIELD = re.compile(r"\"?(?:trace[-_.]?id)\"?\s*[:=]\s*", re.IGNORECASE)
JAEGER = re.compile(r"([0-9a-f]{1,32}):[0-9a-f]{1,16}:[0-9a-f]{1,16}:[0-9a-f]{1,2}", re.IGNORECASE)
XRAY = re.compile(r"(?<![0-9a-z-])1-([0-9a-f]{8})-([0-9a-f]{24})(?![0-9a-z-])", re.IGNORECASE)
SLEUTH = re.compile(r"\[[^,\[\]]*,\s*([0-9a-f]{16}|[0-9a-f]{32})\s*,[^\]]*\]", re.IGNORECASE)
WORD = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])", re.IGNORECASE)
SHORTEST = 16
"""Characters of an opaque id that is looked for in what was pasted: shorter texts are users."""
SHORT = re.compile(r"(?:0x)?([0-9a-f]{8,15})", re.IGNORECASE)
"""A 64-bit id without its leading zeros; a user as well, where no trace has it."""
NATIVE_SINCE = 1_420_070_400
"""2015: an older first word of an id is no time of ours."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a pasted text names: ``kind`` is ``trace``, ``user``, ``filter`` or ``nothing``."""

    kind: str
    value: str = ""


def trace_id_of(text: str) -> str | None:
    """The 32-hex trace id in an id, traceparent, b3 value or trace URL; None when there is none.

    Shorter hex is padded on the left. Other tracers' opaque ids are not taken here: see :func:`digest`.
    """
    text = text.strip().strip("\"'<>`")
    if xray := XRAY.search(text):
        return _valid(xray[1] + xray[2])
    text = HEADER.sub("", text, count=1).strip()
    url = TRACE_URL.search(_path(text)) if "/" in text else None
    if url:
        text = unquote(url[1])
    for pattern in (TRACEPARENT, B3, JAEGER):
        found = pattern.fullmatch(text)
        if found:
            return _valid("".join(found.groups()))
    text = FIELD.sub("", text, count=1).strip("\"',;. ") if not HEX.fullmatch(text) else text
    if uuid := UUID.fullmatch(text):
        text = uuid[1].replace("-", "")
    text = text[2:] if text[:2].lower() == "0x" else text
    if HEX.fullmatch(text):
        return _valid(text)
    named = SLEUTH.search(text)
    words = {named[1]} if named else {word.lower() for word in WORD.findall(text)}
    return _valid(words.pop()) if len(words) == 1 else None


def candidates(text: str) -> list[str]:
    """The ids under which a trace that was asked for as ``text`` may be stored, the likeliest first (M8)."""
    text = text.strip()
    known = trace_id_of(text)
    opaque = OPAQUE.fullmatch(text) is not None and not (known and len(text) in {16, 32})
    return ([known] if known else []) + ([digest(text)] if opaque else [])


def with_halves(ids: Sequence[str]) -> list[str]:
    """``ids``, each followed by its last 64 bits, under which a collector stores it that is not strict."""
    return list(dict.fromkeys(spelling for one in ids for spelling in (one, one[16:].rjust(32, "0"))))


def opaque_of(text: str) -> str:
    """Another tracer's opaque id in a pasted id, header or field; empty where there is none that long."""
    bare = FIELD.sub("", HEADER.sub("", text.strip(), count=1), count=1).strip("\"',;()[]. ")
    return bare if len(bare) >= SHORTEST and OPAQUE.fullmatch(bare) and len(bare) not in {16, 32} else ""


def short_of(text: str) -> str:
    """The 32-hex id in a pasted id that lost leading zeros; empty for anything else."""
    found = SHORT.fullmatch(text.strip())
    return _valid(found[1]) or "" if found else ""


def digest(opaque: str) -> str:
    """The id under which the collector stores another tracer's opaque trace id."""
    return blake2b(opaque.encode(), digest_size=16).hexdigest()


def created_us(trace_id: str) -> int | None:
    """When a native id was made, in microseconds; None for an id that tells no time."""
    seconds = int(trace_id[:8], 16)
    return seconds * 1_000_000 if seconds >= NATIVE_SINCE else None


def find(text: str) -> Found:
    """What people mean when they paste ``text`` into a search box (U2)."""
    text = text.strip()
    if not text:
        return Found("nothing")
    user = _path(text).partition(USERS)[2] if "://" in text else ""
    if user:
        return Found("user", unquote(user.removesuffix("/").removesuffix("/timeline")))
    # A short number is far more likely a user than a trace id without its zeros.
    bare = HEADER.sub("", text, count=1)
    trace = trace_id_of(text)
    if trace and (len(bare) >= 16 or bare != text):
        return Found("trace", trace)
    if re.match(r"uid\s*[:=]", text):
        return Found("user", re.split(r"[:=]", text, maxsplit=1)[1].strip())
    if re.match(r"[A-Za-z_][\w.\-]*\s*(?:!?=|[<>]=?|~)\s*[^\s=]", text):
        return Found("filter", text)
    return Found("user", text)


def _path(url: str) -> str:
    """The path of an address, empty for what only looks like one."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _valid(text: str) -> str | None:
    padded = text.lower().rjust(32, "0")
    return padded if padded.strip("0") else None
